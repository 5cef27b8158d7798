/**
 * One process in the row of those that are one sidecar: what it has from its predecessor, and how it is followed by a successor.
 *
 *   first process      starts a successor -> drains -> stays as the watcher of all that follow
 *   later processes    ready -> go -> serving, in charge -> start a successor -> drain -> end
 */
import type { Duplex } from 'node:stream';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import { ListeningSockets } from './net/listening-sockets.ts';
import type { Inheritance } from './restart/inheritance.ts';
import { Predecessor, type ParentChannel } from './restart/predecessor.ts';
import { Successor } from './restart/successor.ts';
import { Upgrade } from './restart/upgrade.ts';
import { WatchedLine } from './restart/watched-line.ts';

export type GenerationOptions = Readonly<{
  /** Null: the first. */
  inheritance: Inheritance | null;
  environment: Readonly<Record<string, string | undefined>>;
  upgradeMs: number;
  /** A successor serves. `line`: its line, if this process is to watch it. */
  onSuccessor: (successor: Successor, line: Duplex | null) => void;
  /** The first process is gone, and with it whoever waits for it. */
  onUnwatched: () => void;
}>;

export class Generation {
  readonly sockets: ListeningSockets;
  readonly upgrade: Upgrade;
  readonly #predecessor: Predecessor | null;
  readonly #line: WatchedLine | null;

  constructor({ inheritance, environment, upgradeMs, onSuccessor, onUnwatched }: GenerationOptions) {
    this.sockets = new ListeningSockets(inheritance?.sockets);
    this.#predecessor = inheritance === null ? null : new Predecessor(parentChannel);
    this.#line = inheritance === null ? null : new WatchedLine(inheritance, onUnwatched);
    let successor: Successor | null = null;
    this.upgrade = new Upgrade({
      clock: systemClock,
      timeoutMs: upgradeMs,
      start: (handler) => {
        const sockets = this.sockets.held();
        successor = new Successor({ environment, sockets, lines: this.#line?.fds ?? null }, handler);
        return successor;
      },
      onServing: () => {
        if (successor !== null) onSuccessor(successor, successor.line);
      },
      // It may have said already that it is in charge.
      onFailed: () => this.#line?.takeOver(process.pid),
    });
  }

  /** Resolves when this process may listen. */
  async mayListen(readiness: Readiness): Promise<void> {
    await this.#predecessor?.mayListen(readiness);
  }

  /** This process listens. Resolves when it is the only one that does. */
  async takeOver(): Promise<void> {
    if (this.#predecessor === null) return;
    // Before the predecessor ends, so that signals always find somebody.
    this.#line?.takeOver(process.pid);
    await this.#predecessor.serving();
  }

  /** This process cannot serve. */
  failed(reason: string): void {
    this.#predecessor?.failed(reason);
  }

  /** Another is in charge. */
  letGo(): void {
    this.#line?.release();
  }

  /** For the very end of this process. */
  end(exitCode: number): void {
    this.#line?.end(exitCode);
  }
}

const parentChannel: ParentChannel = {
  // A parent that is gone is heard of by the end of the channel.
  send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
  onMessage: (take) => void process.on('message', take),
  onDisconnect: (take) => {
    if (process.connected) process.once('disconnect', take);
    else take();
  },
};
