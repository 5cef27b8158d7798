import type { ListenPlace } from './net/listener.ts';
import type { SocketName } from './net/listening-sockets.ts';
import { openAccessLog } from './telemetry/access-log-writer.ts';
import type { SeriesEntry } from './telemetry/series.ts';
import type { SharedState } from './upstream/cluster.ts';

/** The own log, as a data path needs it. */
export type PathLog = Readonly<Record<'info' | 'warn' | 'error', (facts: object, message: string) => void>>;

/** What a data path has in common with those of other threads of its process, if there are any. */
export type Surroundings = Readonly<{
  openLog: typeof openAccessLog;
  /** Where a listener is to listen; null: not at all. */
  place: (wanted: SocketName) => ListenPlace | null;
  shared: (cluster: string) => SharedState | null;
  /** Told of each new series of metrics. */
  onSeries: (entry: SeriesEntry) => void;
}>;

/** Of the only data path of a process. */
export const noNeighbours: Surroundings = {
  openLog: openAccessLog,
  place: ({ port }) => ({ port, reusePort: false, fd: null }),
  shared: () => null,
  onSeries: () => undefined,
};
