/** The calls of the soak: each load makes one after the other, with a pause, until it is told to stop. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { RunningSidecar, TestMesh } from '../support/mesh.ts';
import { methods } from './grpc-app.ts';

const callTimeoutMs = 15_000;

/** What became of the calls of one kind. */
export type Tally = { kind: string; calls: number; messages: number; failures: Map<string, number> };

/** Makes one call; gives the number of messages or answers that came back. Throws when it failed. */
type Call = () => Promise<number>;

/** All loads of one soak. */
export class Loads {
  readonly tallies: Tally[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];

  /** Starts `callers` of a kind. */
  start(kind: string, callers: number, call: Call): void {
    const tally: Tally = { kind, calls: 0, messages: 0, failures: new Map() };
    this.tallies.push(tally);
    for (let n = 0; n < callers; n++) this.#running.push(this.#run(tally, call));
  }

  /** Resolves when the last call has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(tally: Tally, call: Call): Promise<void> {
    while (!this.isStopping) {
      try {
        const messages = await call();
        tally.messages += messages;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        tally.failures.set(why, (tally.failures.get(why) ?? 0) + 1);
      }
      tally.calls++;
      await pause(20, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}

/** HTTP/1.1 through the proxy port of the client's sidecar; tells the version of the route that answered. */
export function httpCall(mesh: TestMesh, sidecar: RunningSidecar, onVersion: (version: number) => void): Call {
  let n = 0;
  return async () => {
    const body = ++n % 3 === 0 ? '' : 'x'.repeat((n * 997) % 20_000);
    const answer = await mesh.call(sidecar, 'http://app/', { method: body === '' ? 'GET' : 'POST', body });
    assert.equal(answer.status, 200, `status ${answer.status}: ${answer.body}`);
    assert.equal(answer.body === body, true, 'another body came back');
    const version = answer.headers['x-version'];
    if (typeof version === 'string') onVersion(Number(version));
    return 1;
  };
}

const insecure = () => credentials.createInsecure();
const clientOf = (port: number) => new Client(`127.0.0.1:${port}`, insecure(), { 'grpc.use_local_subchannel_pool': 1 });
const reason = ({ code, details }: ServiceError) => new Error(`gRPC status ${code}: ${details}`);

/** gRPC through the egress port of the client's sidecar. */
export class GrpcCalls {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = clientOf(port);
  }

  close(): void {
    this.#client.close();
  }

  readonly unary: Call = () => {
    const { path, requestSerialize, responseDeserialize } = methods.unary;
    const message = Buffer.alloc(200, 'u');
    return new Promise((done, fail) => {
      const options = { deadline: Date.now() + callTimeoutMs };
      this.#client.makeUnaryRequest<Buffer, Buffer>(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        options,
        (error, answer) => {
          if (error !== null) fail(reason(error));
          else if (answer?.equals(message) === true) done(1);
          else fail(new Error('another message came back'));
        },
      );
    });
  };

  /** A hundred messages of some kilobytes at once. */
  readonly download: Call = () => {
    const { path, requestSerialize, responseDeserialize } = methods.download;
    const message = Buffer.alloc(3000, 100);
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message, {
      deadline: Date.now() + callTimeoutMs,
    });
    let count = 0;
    return new Promise((done, fail) => {
      call.on('data', (answer: Buffer) => (count += answer.equals(message) ? 1 : 1000));
      call.on('error', (error: ServiceError) => fail(reason(error)));
      call.on('end', () => (count === 100 ? done(count) : fail(new Error(`${count} of 100 messages`))));
    });
  };

  /** Messages back and forth on one stream for as long as `isLong` says, at least once. */
  echo(isLong: () => boolean): Call {
    const { path, requestSerialize, responseDeserialize } = methods.echo;
    return () => {
      const call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      let count = 0;
      const send = () => call.write(Buffer.from(`message ${count}`));
      return new Promise((done, fail) => {
        call.on('data', (answer: Buffer) => {
          if (answer.toString() !== `message ${count}`) return fail(new Error('another message came back'));
          count++;
          if (isLong()) setTimeout(send, 20);
          else call.end();
        });
        call.on('error', (error: ServiceError) => fail(reason(error)));
        call.on('end', () => done(count));
        send();
      });
    };
  }
}
