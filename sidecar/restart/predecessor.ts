/** The way to the sidecar that this one follows on: says how far we are, and waits for the word to listen. */
import type { Readiness } from '#shared/runtime/readiness.ts';
import { isGo, type SuccessorMessage } from './messages.ts';

/** The IPC channel to the parent. */
export type ParentChannel = Readonly<{
  send: (message: SuccessorMessage) => void;
  onMessage: (take: (message: unknown) => void) => void;
  onDisconnect: (take: () => void) => void;
}>;

export class Predecessor {
  readonly #channel: ParentChannel;
  readonly #letGo = Promise.withResolvers<void>();
  #hasGone = false;

  constructor(channel: ParentChannel) {
    this.#channel = channel;
    channel.onDisconnect(() => {
      this.#hasGone = true;
      this.#letGo.resolve();
    });
  }

  /** Waits until `readiness` and then the predecessor allow it to listen. Rejects if that is gone before. */
  async mayListen(readiness: Readiness): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const report = () =>
      this.#channel.send(readiness.isReady ? { kind: 'ready' } : { kind: 'waits', awaited: readiness.awaited() });
    const unsubscribe = readiness.subscribe(report);
    this.#channel.onMessage((message) => {
      if (isGo(message)) resolve();
    });
    const onGone = () => reject(new Error('the predecessor has gone before it let go'));
    this.#letGo.promise.then(onGone, onGone);
    report();
    try {
      await promise;
    } finally {
      unsubscribe();
    }
  }

  /** We listen: the predecessor may let go. Resolves when it has. */
  async serving(): Promise<void> {
    if (!this.#hasGone) this.#channel.send({ kind: 'serving' });
    await this.#letGo.promise;
  }

  failed(reason: string): void {
    if (!this.#hasGone) this.#channel.send({ kind: 'failed', reason });
  }
}
