/** A sidecar of its parts: how it drains, hands over, and stops. */
import type { HostPort } from '#shared/runtime/host-port.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { AdminView } from './admin/server.ts';
import type { DataPlane } from './data-plane.ts';
import type { Draining } from './draining.ts';
import { MemoryKeeper, type Memory } from './memory-keeper.ts';
import type { RunningServer } from './net/http-server.ts';
import type { ListeningSockets } from './net/listening-sockets.ts';
import type { Settings } from './settings.ts';
import { servedBy } from './telemetry/series.ts';

/** A running sidecar. */
export type Sidecar = Readonly<{
  readiness: Readiness;
  /** Bound addresses of listeners by name. */
  listeners: () => ReadonlyMap<string, HostPort>;
  admin: HostPort | null;
  /** Takes no new work from the mesh in good order; resolves when it may exit. */
  drain: () => Promise<void>;
  /**
   * A successor listens: takes no more connections and no more configuration, calls `letGo`, and resolves when what is open has ended in
   * good order.
   */
  handOver: (letGo: () => void) => Promise<void>;
  /** Tries again to bind what could not be bound before. */
  listen: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** What the process of a sidecar gives it. */
export type Surroundings = Readonly<{
  /** The admin port was asked to end the process. */
  quit: () => void;
  /** The admin port was asked for a successor. */
  upgrade: AdminView['upgrade'];
  memory: Memory;
  sockets: ListeningSockets;
  /** Resolves when it may listen: at once, or for a successor when it is ready and its predecessor agrees. */
  mayListen: (readiness: Readiness) => Promise<void>;
}>;

/** Gives memory back when there is time for it. */
export function keepMemory({ memory }: Surroundings, dataPlane: DataPlane): MemoryKeeper {
  return new MemoryKeeper({ clock: systemClock, memory, served: () => servedBy(dataPlane.slabs()) });
}

/** How long an answer of the admin port that is under way is waited for. */
const lastAnswerMs = 1000;

/** What a sidecar is made of. */
export type Parts = Readonly<{
  settings: Settings;
  dataPlane: DataPlane;
  readiness: Readiness;
  draining: Draining;
  servers: readonly RunningServer[];
  admin: RunningServer | null;
  stop: () => void;
  /** Resolves when it may end; without, after the drain time. */
  drained?: () => Promise<void>;
  listen?: () => Promise<void>;
}>;

/** Puts them together. */
export function assemble(parts: Parts): Sidecar {
  const { settings, dataPlane, readiness, draining, servers, admin, stop } = parts;
  return {
    readiness,
    listeners: () => dataPlane.addresses(),
    admin: admin === null ? null : { host: admin.host, port: admin.port },
    drain: async () => {
      draining.start();
      await (parts.drained?.() ?? dataPlane.drained(settings.drainMs));
    },
    handOver: async (letGo) => {
      stop();
      const stopped = Promise.all(servers.map((server) => server.stop()));
      const { drainMs, upgradeDrainMs } = settings;
      await dataPlane.handOver({ idleMs: drainMs, limitMs: upgradeDrainMs, onStopped: letGo });
      await Promise.race([stopped, new Promise<void>((done) => systemClock.after(lastAnswerMs, done))]);
    },
    listen: parts.listen ?? (() => dataPlane.listen()),
    close: async () => {
      stop();
      await dataPlane.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
