/**
 * What the main thread and a worker say to each other. All of it is plain data or shared memory, which structured clone takes; messages
 * arrive in the order in which they were posted. A message with an `id` is answered by `answer` with the same.
 *
 *   main   apply, certificate, hosts, ejected, startDraining, stopInbound, drained, handOver, load, report, close
 *   worker answer, ready, stopped, series, log, accessLog, members, fire, lastReport
 */
import type { HostPort } from '#shared/runtime/host-port.ts';
import { Secret } from '#shared/runtime/secret.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { DataPathReport } from '../data-path-report.ts';
import type { ListenPlace } from '../net/listener.ts';
import type { PathLoad } from '../path-end.ts';
import type { SnapshotDelta } from '../snapshot/delta.ts';
import type { SeriesEntry } from '../telemetry/series.ts';
import type { TransportKind } from '../transport/connection-of.ts';
import type { ConsecutiveType } from '../upstream/outlier-reports.ts';
import type { HostState } from '../upstream/remote-judge.ts';

/** What a worker is started with. */
export type WorkerSetup = Readonly<{
  index: number;
  transport: TransportKind;
  compat: 'tulle' | 'istio';
  ownAddress: string;
  own: Readonly<{ name: string; namespace: string; labels: Readonly<Record<string, string>> }>;
}>;

/** A certificate whose key is not wrapped: a wrapped one cannot be posted. */
export type PostedCertificate = Omit<WorkloadCertificate, 'key'> & Readonly<{ keyPem: string }>;

export type ToWorker =
  | Readonly<{
      kind: 'apply';
      id: number;
      delta: SnapshotDelta;
      /** Of clusters: where to count (`tablesOf`); those that are new. */
      blocks: ReadonlyMap<string, SharedArrayBuffer>;
      /** Of listeners: where to listen; those that are new. Descriptors belong to the worker. */
      places: ReadonlyMap<string, ListenPlace>;
    }>
  | Readonly<{ kind: 'certificate'; certificate: PostedCertificate | null }>
  | Readonly<{ kind: 'hosts'; cluster: string; states: readonly HostState[] }>
  | Readonly<{ kind: 'ejected'; cluster: string; key: string; isEjected: boolean }>
  | Readonly<{ kind: 'startDraining' }>
  | Readonly<{ kind: 'stopInbound'; id: number }>
  | Readonly<{ kind: 'drained'; id: number; drainMs: number }>
  | Readonly<{ kind: 'handOver'; id: number; idleMs: number; limitMs: number }>
  | Readonly<{ kind: 'load'; id: number }>
  | Readonly<{ kind: 'report'; id: number }>
  | Readonly<{ kind: 'close'; id: number }>;

/** What comes back for a message with an id, by its kind. */
export type Answers = {
  apply: ReadonlyMap<string, HostPort>;
  stopInbound: null;
  drained: null;
  handOver: null;
  load: PathLoad;
  report: DataPathReport;
  close: null;
};

export type FromWorker =
  | Readonly<{ kind: 'answer'; id: number; value: Answers[keyof Answers] }>
  /** It has begun; where its metrics lie. `reason`: why it runs on streams, if it does. */
  | Readonly<{ kind: 'ready'; cells: Float64Array; reason: string | null }>
  /** Handing over: it takes no more connections. */
  | Readonly<{ kind: 'stopped' }>
  | Readonly<{ kind: 'series'; entry: SeriesEntry }>
  | Readonly<{ kind: 'log'; level: 'info' | 'warn' | 'error'; facts: object; message: string }>
  | Readonly<{ kind: 'accessLog'; path: string; lines: Uint8Array }>
  | Readonly<{ kind: 'members'; cluster: string; keys: readonly string[] }>
  | Readonly<{ kind: 'fire'; cluster: string; key: string; type: ConsecutiveType }>
  /** Its last words: an uncaught error ends it. */
  | Readonly<{ kind: 'lastReport'; report: DataPathReport }>;

/** For posting. */
export function postCertificate(certificate: WorkloadCertificate | null): PostedCertificate | null {
  if (certificate === null) return null;
  const { key, ...rest } = certificate;
  return { ...rest, keyPem: key.reveal() };
}

/** As it was before it was posted. */
export function receiveCertificate(posted: PostedCertificate | null): WorkloadCertificate | null {
  if (posted === null) return null;
  const { keyPem, ...rest } = posted;
  return { ...rest, key: new Secret(keyPem) };
}
