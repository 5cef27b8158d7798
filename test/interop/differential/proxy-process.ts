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

  static envoy(binary: string, configPath: string, ports: readonly number[]): Promise<ProxyProcess> {
    const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--file-flush-interval-msec', '10'];
    return ProxyProcess.#start(binary, [...flags, '--log-level', 'warn', '-c', configPath], ports);
  }

  static sidecar(configPath: string, ports: readonly number[]): Promise<ProxyProcess> {
    const main = join(repository, 'sidecar/main.ts');
    return ProxyProcess.#start(
      process.execPath,
      [main, '--config-path', configPath, '--log-level', 'warn', '--concurrency', '1'],
      ports,
    );
  }

  static async #start(command: string, args: readonly string[], ports: readonly number[]): Promise<ProxyProcess> {
    const proxy = new ProxyProcess(command, args);
    try {
      await eventually(async () => {
        if (proxy.#child.exitCode === null) await Promise.all(ports.map(canConnect));
        return true;
      }, 20_000);
      if (proxy.#child.exitCode !== null) throw new Error('the proxy ended');
      return proxy;
    } catch (error) {
      await proxy.stop();
      throw new Error(`${command} does not serve:\n${proxy.#output}`, { cause: error });
    }
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return;
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    await ended;
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
