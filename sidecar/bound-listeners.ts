/** The listeners of the plan in force, as sockets of this thread: bound and released to match it. */
import type { Socket } from 'node:net';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import { TcpListener, type ListenPlace } from './net/listener.ts';
import { SocketCalls } from './net/listening-socket.ts';
import type { Neighbours, PathLog } from './neighbours.ts';
import type { Plan } from './proxy/plan.ts';
import type { ListenerConfig } from './snapshot/listener.ts';

export type BoundListenersOptions = Readonly<{
  /** Which sockets, and the account of ours. */
  neighbours: Pick<Neighbours, 'place' | 'hold'>;
  logger: PathLog;
  /** Who takes the connections of a listener. */
  accept: (name: string) => (socket: Socket) => void;
}>;

type Bound = Readonly<{ listener: TcpListener; release: () => void; isInbound: boolean }>;

const backlog = 1024;

export class BoundListeners {
  readonly #options: BoundListenersOptions;
  readonly #bound = new Map<string, Bound>();

  constructor(options: BoundListenersOptions) {
    this.#options = options;
  }

  /** Where they are bound, by name. */
  addresses(): ReadonlyMap<string, HostPort> {
    return new Map(
      [...this.#bound].map(([name, { listener }]) => [name, { host: listener.address, port: listener.port }]),
    );
  }

  /** Accepted connections that are open. */
  get connections(): number {
    return [...this.#bound.values()].reduce((sum, { listener }) => sum + listener.connections, 0);
  }

  /** Those of them that are not from the mesh. */
  get connectionsOfApplication(): number {
    let sum = 0;
    for (const { listener, isInbound } of this.#bound.values()) if (!isInbound) sum += listener.connections;
    return sum;
  }

  /** Releases what the plan has not, and binds what is new in it, or could not be bound before. */
  async match(plan: Plan): Promise<void> {
    for (const [name, bound] of this.#bound) {
      const wanted = plan.listeners.get(name)?.config;
      if (wanted !== undefined && isSame(wanted, bound.listener)) continue;
      stop(bound);
      this.#bound.delete(name);
    }
    for (const [name, { config }] of plan.listeners) {
      if (config.bindToPort && !this.#bound.has(name)) await this.#bind(name, config);
    }
  }

  /** Accepts no more, at all or from the mesh; what is open goes on. */
  stop(which: 'inbound' | 'all'): void {
    for (const bound of this.#bound.values()) if (which === 'all' || bound.isInbound) stop(bound);
  }

  /** Accepts no more, and destroys what is open. */
  close(): void {
    for (const bound of this.#bound.values()) {
      bound.release();
      bound.listener.close();
    }
    this.#bound.clear();
  }

  async #bind(name: string, config: ListenerConfig): Promise<void> {
    const { neighbours, logger, accept } = this.#options;
    const { address, port, direction } = config;
    const place = neighbours.place({ name, address, port });
    if (place === null) return;
    try {
      const fd = place.fd ?? (config.transparent ? await openTransparent(address, place) : null);
      const listener = await TcpListener.listen(
        { address, ...place, fd, backlog, maxConnections: 0 },
        {
          onSocket: accept(name),
          onRefused: (error) =>
            logger.warn({ listener: name, reason: describeError(error) }, 'a connection was refused'),
        },
      );
      const release = listener.fd === null ? () => {} : neighbours.hold({ name, address, port, fd: listener.fd });
      this.#bound.set(name, { listener, release, isInbound: direction === 'inbound' });
    } catch (error) {
      logger.error({ listener: name, reason: describeError(error) }, 'a listener cannot be bound');
    }
  }
}

/** Node binds before anything can be said of the socket. */
async function openTransparent(address: string, { port, reusePort }: ListenPlace): Promise<number> {
  const calls = await SocketCalls.load();
  if (calls === null) throw new MeshError('unsupported', 'transparent sockets are opened on Linux only');
  return calls.open({ address, port, reusePort, backlog, transparent: true }).fd;
}

function stop({ listener, release }: Bound): void {
  release();
  listener.stop();
}

function isSame(wanted: ListenerConfig, { address, port }: TcpListener): boolean {
  return wanted.bindToPort && wanted.address === address && (wanted.port === 0 || wanted.port === port);
}
