/**
 * The listening sockets of all workers, on the main thread: one each for every listener, between which the kernel spreads connections
 * (SO_REUSEPORT). The main thread opens and holds them; workers listen on duplicates. So the queue of a worker that dies waits for its
 * successor, and a port that somebody else has is refused, which SO_REUSEPORT alone would not do.
 *
 * Where sockets cannot be opened here (`calls` is null), workers open their own, and what waits for one that dies is reset.
 */
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { ListenPlace } from '../net/listener.ts';
import type { ListeningSocket, SocketCalls } from '../net/listening-socket.ts';
import type { ListeningSockets, SocketName } from '../net/listening-sockets.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';

export type WorkerSocketsOptions = Readonly<{
  calls: SocketCalls | null;
  /** Sockets of a predecessor, and the account of ours. */
  account: ListeningSockets;
  workers: number;
  onProblem: (listener: string, reason: string) => void;
}>;

/** The sockets of one listener. Workers beyond their number share. */
type Held = {
  readonly wanted: SocketName;
  readonly sockets: readonly ListeningSocket[];
  /** Workers that listen there, or were told to. */
  readonly given: Set<number>;
  /** Where workers that open their own found a free port for all; 0 until then. */
  port: number;
  readonly release: () => void;
};

const backlog = 1024;

export class WorkerSockets {
  readonly #options: WorkerSocketsOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: WorkerSocketsOptions) {
    this.#options = options;
  }

  /** These listeners there are now: closes what is not among them, opens what is new or could not be opened before. */
  setListeners(listeners: ReadonlyMap<string, ListenerConfig>): void {
    for (const [name, held] of this.#held) {
      const wanted = listeners.get(name);
      const { address, port } = held.wanted;
      if (wanted?.bindToPort === true && wanted.address === address && wanted.port === port) continue;
      this.#close(name, held);
    }
    for (const [name, { bindToPort, address, port }] of listeners) {
      if (!bindToPort || this.#held.has(name)) continue;
      const held = this.#open({ name, address, port });
      if (held !== null) this.#held.set(name, held);
    }
  }

  /** Whether a worker must find a port before others can be told. */
  get awaitsPort(): boolean {
    return [...this.#held.values()].some(({ port }) => port === 0);
  }

  /** Where a worker is to listen that it does not yet. Descriptors are its own from now on. */
  placesFor(worker: number): ReadonlyMap<string, ListenPlace> {
    const places = new Map<string, ListenPlace>();
    for (const [name, { port, sockets, given }] of this.#held) {
      if (given.has(worker)) continue;
      const socket = sockets[worker % sockets.length];
      try {
        const fd = socket === undefined ? null : socket.duplicate();
        places.set(name, { port, reusePort: true, fd });
        given.add(worker);
      } catch (error) {
        this.#options.onProblem(name, describeError(error));
      }
    }
    return places;
  }

  /** On what a worker listens now: what it was given and did not take, it is given again with the next configuration. */
  listening(worker: number, addresses: ReadonlyMap<string, HostPort>): void {
    for (const [name, held] of this.#held) {
      const bound = addresses.get(name);
      if (bound === undefined) held.given.delete(worker);
      else held.port = bound.port;
    }
  }

  /** Closes where nobody listens, once all workers have told: a client there would wait for ever. */
  closeUnused(): void {
    for (const [name, held] of this.#held) if (held.given.size === 0) this.#close(name, held);
  }

  /** A worker is dead. */
  forget(worker: number): void {
    for (const { given } of this.#held.values()) given.delete(worker);
  }

  /** Lets go of all; workers that listen go on. */
  close(): void {
    for (const [name, held] of this.#held) this.#close(name, held);
  }

  #open(wanted: SocketName): Held | null {
    const { calls, account, workers, onProblem } = this.#options;
    if (calls === null) return { wanted, sockets: [], given: new Set(), port: wanted.port, release: () => undefined };
    const sockets: ListeningSocket[] = [];
    try {
      for (let i = 0; i < workers; i++) {
        const inherited = account.take(wanted);
        sockets.push(inherited === null ? openOne(calls, wanted, sockets[0]) : calls.adopt(inherited));
      }
    } catch (error) {
      // What a predecessor without workers leaves is not to be bound again: then all share its one socket.
      if (sockets.length === 0) {
        onProblem(wanted.name, describeError(error));
        return null;
      }
    }
    const releases = sockets.map(({ fd }) => account.hold({ ...wanted, fd }));
    const release = () => {
      for (const each of releases) each();
      for (const socket of sockets) socket.close();
    };
    return { wanted, sockets, given: new Set(), port: sockets[0]?.port ?? 0, release };
  }

  #close(name: string, held: Held): void {
    held.release();
    this.#held.delete(name);
  }
}

/** The port of the first is that of all, whatever was asked for. */
function openOne(
  calls: SocketCalls,
  { address, port }: SocketName,
  first: ListeningSocket | undefined,
): ListeningSocket {
  return calls.open({ address, port: first?.port ?? port, reusePort: first === undefined ? 'first' : true, backlog });
}
