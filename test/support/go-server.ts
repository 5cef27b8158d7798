import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { eventually } from './eventually.ts';

/** A server program that takes its port as a flag; started by `start`, ended by `stop`. */
export class GoServer {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(path: string, args: readonly string[]) {
    this.#child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.on('error', (error) => (this.#output += error.message));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-5000)));
  }

  /** Starts it and waits until it accepts at `port` of the loopback. */
  static async start(path: string, args: readonly string[], port: number): Promise<GoServer> {
    const server = new GoServer(path, args);
    try {
      await eventually(() => accepts(port));
    } catch (error) {
      await server.stop();
      throw new Error(`${path} does not serve: ${server.#output}`, { cause: error });
    }
    return server;
  }

  /** The end of what it logged. */
  get output(): string {
    return this.#output;
  }

  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

function accepts(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      done();
    });
    socket.on('error', fail);
  });
}
