/** All data paths of the sidecar, as the rest of it sees them: one on this thread, or one on each of several worker threads. */
import type { HostPort } from '#shared/runtime/host-port.ts';
import type { DataPath } from './data-path.ts';
import type { HandOver, PathLoad } from './path-end.ts';
import { reportOf, type DataPathReport } from './data-path-report.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import type { SlabView } from './telemetry/series.ts';

export interface DataPlane {
  /** How many threads carry traffic. */
  readonly concurrency: number;
  /** How many worker threads died and were replaced, or are to be. */
  readonly workerDeaths: number;
  /** Puts a snapshot into force, one after the other; resolves when it is in force everywhere. */
  apply(snapshot: Snapshot): Promise<void>;
  /** As {@link DataPath.listen}. */
  listen(): Promise<void>;
  /** Where the listeners are bound. */
  addresses(): ReadonlyMap<string, HostPort>;
  /** The request metrics. */
  slabs(): readonly SlabView[];
  report(): Promise<DataPathReport>;
  /** What all of them carry. */
  load(): Promise<PathLoad>;
  /** As {@link DataPath.startDraining}. */
  startDraining(): void;
  /** As {@link DataPath.stopInbound}; resolves when it is so of all of them. */
  stopInbound(): Promise<void>;
  /** As {@link DataPath.drained}. */
  drained(drainMs: number): Promise<void>;
  /** As {@link DataPath.handOver}. */
  handOver(how: HandOver): Promise<void>;
  close(): Promise<void>;
}

/** The data path of this thread alone: no thread more, and no memory for one. */
export function singleDataPlane(path: DataPath): DataPlane {
  return {
    concurrency: 1,
    workerDeaths: 0,
    apply: (snapshot) => path.apply(snapshot),
    listen: () => path.listen(),
    addresses: () => path.addresses(),
    slabs: () => [path.series.view()],
    report: () => Promise.resolve(reportOf(path)),
    load: () => Promise.resolve(path.load()),
    startDraining: () => path.startDraining(),
    stopInbound: () => Promise.resolve(path.stopInbound()),
    drained: (drainMs) => path.drained(drainMs),
    handOver: (how) => path.handOver(how),
    close: () => path.close(),
  };
}
