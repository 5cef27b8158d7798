/**
 * The listening sockets of all workers, on the main thread: one each for every listener, between which the kernel spreads connections
 * (SO_REUSEPORT). The main thread opens and holds them; workers listen on duplicates. So the queue of a worker that dies waits for its
 * successor, and a port that somebody else has is refused, which SO_REUSEPORT alone would not do.
 *
 * Where sockets cannot be opened here (`calls` is null), workers open their own, and what waits for one that dies is reset.
 */
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
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

type Wanted = SocketName & Readonly<{ transparent: boolean }>;

/** The sockets of one listener. Workers beyond their number share. */
type Held = {
  readonly wanted: Wanted;
  readonly direction: ListenerConfig['direction'];
  /** Null: not open while its worker is away. */
  readonly sockets: (HeldSocket | null)[];
  /** Workers that listen there, or were told to. */
  readonly given: Set<number>;
  /** Where workers that open their own found a free port for all; 0 until then. */
  port: number;
};

/** `release`: takes it off the account and closes it. */
type HeldSocket = Readonly<{ socket: ListeningSocket; release: () => void }>;

const backlog = 1024;

export class WorkerSockets {
  readonly #options: WorkerSocketsOptions;
  readonly #held = new Map<string, Held>();
  readonly #away = new Set<number>();
  /** Listeners of this direction are not opened any more. */
  #closedFor: ListenerConfig['direction'] | null = null;

  constructor(options: WorkerSocketsOptions) {
    this.#options = options;
  }

  /** These listeners there are now: closes what is not among them, opens what is new or could not be opened before. */
  setListeners(listeners: ReadonlyMap<string, ListenerConfig>): void {
    for (const [name, held] of this.#held) {
      const wanted = listeners.get(name);
      if (wanted?.bindToPort === true && isSame(wanted, held.wanted)) continue;
      this.#close(name, held);
    }
    for (const [name, { bindToPort, address, port, transparent, direction }] of listeners) {
      if (!bindToPort || this.#held.has(name) || direction === this.#closedFor) continue;
      const held = this.#open({ name, address, port, transparent }, direction);
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
      const held = sockets[worker % sockets.length];
      if (held === null) continue;
      try {
        const fd = held === undefined ? null : held.socket.duplicate();
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

  /**
   * A worker will be away for a while: the kernel is to give its connections to the others. Those that wait already are reset, which is
   * why a worker that comes back at once keeps its sockets.
   */
  suspend(worker: number): void {
    this.#away.add(worker);
    for (const { sockets } of this.#held.values()) {
      if (sockets.filter((socket) => socket !== null).length < 2) continue;
      sockets[worker]?.release();
      if (worker < sockets.length) sockets[worker] = null;
    }
  }

  /** It comes back. */
  resume(worker: number): void {
    this.#away.delete(worker);
    for (const { wanted, port, sockets } of this.#held.values()) {
      if (sockets[worker] !== null) continue;
      try {
        sockets[worker] = this.#openOne(wanted, port);
      } catch (error) {
        this.#options.onProblem(wanted.name, describeError(error));
      }
    }
  }

  /** A worker is dead. */
  forget(worker: number): void {
    for (const { given } of this.#held.values()) given.delete(worker);
  }

  /** Lets go of all of a direction, for good; workers that listen go on. */
  closeFor(direction: ListenerConfig['direction']): void {
    this.#closedFor = direction;
    for (const [name, held] of this.#held) if (held.direction === direction) this.#close(name, held);
  }

  /** Lets go of all; workers that listen go on. */
  close(): void {
    for (const [name, held] of this.#held) this.#close(name, held);
  }

  #open(wanted: Wanted, direction: Held['direction']): Held | null {
    const { calls, account, workers, onProblem } = this.#options;
    const held: Held = { wanted, direction, sockets: [], given: new Set(), port: wanted.port };
    if (calls === null) return held;
    try {
      for (let i = 0; i < workers; i++) {
        const inherited = account.take(wanted);
        if (inherited === null && this.#away.has(i)) {
          held.sockets.push(null);
          continue;
        }
        const opened =
          inherited === null ? this.#openOne(wanted, held.port, i) : this.#hold(wanted, calls.adopt(inherited));
        held.sockets.push(opened);
        held.port = opened.socket.port;
      }
    } catch (error) {
      // What a predecessor without workers leaves is not to be bound again: then all share its one socket.
      if (held.sockets.length === 0) {
        onProblem(wanted.name, describeError(error));
        return null;
      }
    }
    return held;
  }

  /** The port of the first is that of all, whatever was asked for. */
  #openOne(wanted: Wanted, port: number, index = 1): HeldSocket {
    const { calls } = this.#options;
    if (calls === null) throw new MeshError('unsupported', 'sockets cannot be opened here');
    const reusePort = index === 0 ? 'first' : true;
    const { address, transparent } = wanted;
    return this.#hold(wanted, calls.open({ address, port, reusePort, backlog, transparent }));
  }

  #hold({ name, address, port }: Wanted, socket: ListeningSocket): HeldSocket {
    const forget = this.#options.account.hold({ name, address, port, fd: socket.fd });
    const release = () => {
      forget();
      socket.close();
    };
    return { socket, release };
  }

  #close(name: string, { sockets }: Held): void {
    for (const socket of sockets) socket?.release();
    this.#held.delete(name);
  }
}

function isSame(one: Omit<Wanted, 'name'>, other: Omit<Wanted, 'name'>): boolean {
  return one.address === other.address && one.port === other.port && one.transparent === other.transparent;
}
