/** Starts a real Envoy or our sidecar on a bootstrap file, and stops it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { eventually } from '../../support/eventually.ts';

const repository = resolve(import.meta.dirname, '../../..');

/** The Envoy to compare with (environment `ENVOY`, or the one of the virtual environment that CI makes), or null. */
export function findEnvoy(): string | null {
  const given = process.env['ENVOY'];
  if (given !== undefined && given !== '') return given;
  const [found] = globSync('.tulle/venv/lib/python*/site-packages/envoy/_bin/envoy', { cwd: repository });
  return found === undefined || !existsSync(join(repository, found)) ? null : join(repository, found);
}

/** A proxy that runs. */
export class ProxyProcess {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-20_000));
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#child.on('error', (error) => (this.#output += error.message));
  }

  /** What it wrote, the last part of it. */
  get output(): string {
    return this.#output;
  }

  static async envoy(binary: string, configPath: string, ports: readonly number[]): Promise<ProxyProcess> {
    const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--file-flush-interval-msec', '10'];
    const process = new ProxyProcess(binary, [...flags, '--log-level', 'warn', '-c', configPath]);
    await process.#listens(ports);
    return process;
  }

  static async sidecar(configPath: string, ports: readonly number[], flags: readonly string[] = []): Promise<ProxyProcess> {
    const main = join(repository, 'sidecar/main.ts');
    const process_ = new ProxyProcess(process.execPath, [main, '--config-path', configPath, '--log-level', 'info', ...flags]);
    await process_.#listens(ports);
    return process_;
  }

  async #listens(ports: readonly number[]): Promise<void> {
    await eventually(async () => {
      if (this.#child.exitCode !== null) return true;
      for (const port of ports) await canConnect(port);
      return true;
    }, 20_000);
    if (this.#child.exitCode !== null) throw new Error(`the proxy ended:\n${this.#output}`);
  }

  /** Resolves with the exit code. */
  stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<number | null> {
    const { exitCode } = this.#child;
    if (exitCode !== null) return Promise.resolve(exitCode);
    const ended = new Promise<number | null>((done) => this.#child.once('exit', (code) => done(code)));
    this.#child.kill(signal);
    return ended;
  }
}

function canConnect(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      done();
    });
    socket.on('error', fail);
  });
}
