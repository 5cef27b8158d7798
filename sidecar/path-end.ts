/**
 * How a data path ends: which connections are told to go, which listeners take no more, and what is still waited for. Only this order is
 * decided here; whoever stops the sidecar says when (`stopping.ts`, `run.ts`).
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { BoundListeners } from './bound-listeners.ts';
import { pause } from './pause.ts';
import type { HttpConnections } from './proxy/http-connections.ts';
import type { TcpTunnels } from './proxy/tcp-tunnels.ts';

/** What a data path carries. */
export type PathLoad = Readonly<{
  /** Requests and TCP connections from the mesh to the application that are under way. */
  inbound: number;
  /** Open connections of the application, idle ones among them: it lives as long as it has one. */
  outbound: number;
}>;

/** What several carry together; null: one that did not say. */
export function sumLoads(loads: readonly (PathLoad | null)[]): PathLoad {
  const sum = (of: keyof PathLoad) => loads.reduce((total, load) => total + (load?.[of] ?? 0), 0);
  return { inbound: sum('inbound'), outbound: sum('outbound') };
}

/** How a data path hands over to a successor. */
export type HandOver = Readonly<{
  /** HTTP connections that stay idle are closed after this time. */
  idleMs: number;
  /** Nothing is waited for longer. */
  limitMs: number;
  /** Called when it takes no more connections. */
  onStopped: () => void;
}>;

export type PathEndParts = Readonly<{
  clock: Clock;
  listeners: BoundListeners;
  http: HttpConnections;
  tcp: TcpTunnels;
}>;

export class PathEnd {
  readonly #parts: PathEndParts;

  constructor(parts: PathEndParts) {
    this.#parts = parts;
  }

  load(): PathLoad {
    const { listeners, http, tcp } = this.#parts;
    return { inbound: http.activeInbound + tcp.inbound, outbound: listeners.connectionsOfApplication };
  }

  /** Connections from the mesh are told to go elsewhere; new ones are still served for a while (their senders do not know yet). */
  startDraining(): void {
    this.#parts.http.startDraining('inbound');
  }

  /** Takes no more connections from the mesh, and ends those that are idle. The application's own go on as ever. */
  stopInbound(): void {
    const { listeners, http } = this.#parts;
    listeners.stop('inbound');
    http.drain(({ direction }) => direction === 'inbound');
  }

  /**
   * Resolves after the drain time, in which senders learn that we go and late requests are still answered; then as soon as what is
   * under way is done, TCP connections among it, but at most the same time again.
   */
  async drained(drainMs: number): Promise<void> {
    const { clock, listeners, http, tcp } = this.#parts;
    await pause(clock, drainMs);
    listeners.stop('all');
    http.drain(() => true);
    const end = clock.monotonic() + drainMs;
    while (http.active + tcp.count > 0 && clock.monotonic() < end) await pause(clock, 25);
  }

  /**
   * A successor listens: takes no more connections, and tells those that are open to go, with their next answer. Resolves when all are
   * gone.
   */
  async handOver({ idleMs, limitMs, onStopped }: HandOver): Promise<void> {
    const { clock, listeners, http, tcp } = this.#parts;
    const begin = clock.monotonic();
    const goneBefore = async (ms: number) => {
      // Those too of which the first bytes, or the TLS handshake, are still awaited.
      while (http.count + tcp.count + listeners.connections > 0 && clock.monotonic() - begin < ms)
        await pause(clock, 25);
    };
    listeners.stop('all');
    onStopped();
    http.startDraining('all');
    await goneBefore(Math.min(idleMs, limitMs));
    http.drain(() => true);
    await goneBefore(limitMs);
  }
}
