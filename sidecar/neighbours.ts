import type { ListenPlace } from './net/listener.ts';
import type { ListeningSockets, SocketName } from './net/listening-sockets.ts';
import { openAccessLog } from './telemetry/access-log-writer.ts';
import type { SeriesEntry } from './telemetry/series.ts';
import type { SharedState } from './upstream/cluster.ts';

/** The own log, as a data path needs it. */
export type PathLog = Readonly<Record<'info' | 'warn' | 'error', (facts: object, message: string) => void>>;

/** What a data path has in common with those of other threads of its process, if there are any. */
export type Neighbours = Readonly<{
  openLog: typeof openAccessLog;
  /** Where a listener is to listen; null: not at all. */
  place: (wanted: SocketName) => ListenPlace | null;
  /** Notes where it listens, until the returned function is called. */
  hold: ListeningSockets['hold'];
  shared: (cluster: string) => SharedState | null;
  /** Told of each new series of metrics. */
  onSeries: (entry: SeriesEntry) => void;
}>;

/** Of the only data path of a process: none. */
export function noNeighbours(sockets: ListeningSockets): Neighbours {
  return {
    openLog: openAccessLog,
    place: (wanted) => ({ port: wanted.port, reusePort: false, fd: sockets.take(wanted) }),
    hold: (socket) => sockets.hold(socket),
    shared: () => null,
    onSeries: () => undefined,
  };
}
