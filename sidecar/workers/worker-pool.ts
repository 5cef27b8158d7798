/**
 * The data plane of N worker threads. The main thread has the configuration, the certificate, the listening sockets, the logs and what
 * must be one for the whole proxy; each worker has a data path of its own.
 *
 *   snapshot -> delta, sockets, counts -> workers          certificate -> workers
 *   workers -> thresholds met -> OutlierHub -> ejections -> workers
 *   workers -> log lines, access log lines, series, reports
 *
 * A worker that dies is replaced, and only its connections are lost: its queue of connections waits (WorkerSockets), its share of the
 * counts is taken off, its numbers are kept.
 */
import type { HostPort } from '#shared/runtime/host-port.ts';
import { retireReport, sumReports, type DataPathReport } from '../data-path-report.ts';
import type { DataPlane } from '../data-plane.ts';
import { diffSnapshot } from '../snapshot/delta.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { sumLoads, type HandOver, type PathLoad } from '../path-end.ts';
import { openAccessLog } from '../telemetry/access-log-writer.ts';
import { AccessLogWriters } from '../telemetry/access-log-writers.ts';
import { mergeSlabs } from '../telemetry/merge-slabs.ts';
import type { SlabView } from '../telemetry/series.ts';
import { ClusterCounts } from './cluster-counts.ts';
import { inTime } from './in-time.ts';
import { postCertificate, type ToWorker } from './messages.ts';
import { OutlierHub } from './outlier-hub.ts';
import { countEarlyDeaths, restartDelayMs } from './restart-delay.ts';
import type { WorkerPoolOptions } from './worker-pool-options.ts';
import type { HandledMessage, WorkerThread } from './worker-thread.ts';

/** The place of a worker, which its successors take. `thread`: null between a death and the next start. */
type Seat = { readonly index: number; thread: WorkerThread | null; startedAt: number; earlyDeaths: number };

/** Long enough for others that start on the same machine, and short beside anything that needs more than one thread. */
const othersAfterMs = 10_000;

export class WorkerPool implements DataPlane {
  readonly #options: WorkerPoolOptions;
  readonly #seats: readonly Seat[];
  readonly #counts: ClusterCounts;
  readonly #hub: OutlierHub;
  /** The access logs of all workers. */
  readonly #logs: AccessLogWriters;
  readonly #stopCertificates: () => void;
  #snapshot: Snapshot | null = null;
  #applying: Promise<void> = Promise.resolve();
  #addresses: ReadonlyMap<string, HostPort> = new Map();
  #deadSlab: SlabView | null = null;
  #deadReport: DataPathReport | null = null;
  #deaths = 0;
  #isListening = false;
  #isDraining = false;
  /** Nothing is put into force any more, and nobody replaced. */
  #isEnding = false;
  /** Ends the wait for the time at which the others start. */
  #stopWaiting: () => void = () => undefined;
  /** While all workers are dead nothing else may keep the process alive. */
  readonly #keepAlive = setInterval(() => undefined, 60_000);

  constructor(options: WorkerPoolOptions) {
    const { clock, random, logger, concurrency, atOnce, sockets, certificates } = options;
    this.#options = options;
    this.#counts = new ClusterCounts(concurrency);
    this.#hub = new OutlierHub({
      clock,
      random,
      tell: (cluster, key, isEjected) => this.#tellAll({ kind: 'ejected', cluster, key, isEjected }),
      onEvent: (cluster, { host, action, type, isEnforced }) =>
        logger.info({ cluster, host: host.key, action, type, enforced: isEnforced }, 'outlier detection'),
    });
    this.#logs = new AccessLogWriters({ open: openAccessLog, clock, logger });
    this.#seats = Array.from({ length: concurrency }, (_, index) => ({
      index,
      thread: null,
      startedAt: 0,
      earlyDeaths: 0,
    }));
    for (const seat of this.#seats) {
      if (seat.index < atOnce) this.#fill(seat);
      else sockets.suspend(seat.index);
    }
    this.#stopCertificates = certificates.subscribe((certificate) =>
      this.#tellAll({ kind: 'certificate', certificate: postCertificate(certificate) }),
    );
  }

  get concurrency(): number {
    return this.#options.concurrency;
  }

  get workerDeaths(): number {
    return this.#deaths;
  }

  apply(snapshot: Snapshot): Promise<void> {
    this.#applying = this.#applying.then(() => this.#apply(snapshot));
    return this.#applying;
  }

  listen(): Promise<void> {
    const { clock, atOnce } = this.#options;
    if (!this.#isListening)
      this.#stopWaiting = clock.after(othersAfterMs, () =>
        this.#seats.slice(atOnce).forEach((seat) => this.#refill(seat)),
      );
    this.#isListening = true;
    this.#applying = this.#applying.then(() => (this.#snapshot === null ? undefined : this.#apply(this.#snapshot)));
    return this.#applying;
  }

  addresses(): ReadonlyMap<string, HostPort> {
    return this.#addresses;
  }

  slabs(): readonly SlabView[] {
    const living = this.#seats.map(({ thread }) => thread?.slab ?? null);
    return [this.#deadSlab, ...living].filter((slab) => slab !== null);
  }

  async report(): Promise<DataPathReport> {
    const reports = await Promise.all(this.#threads().map((thread) => this.#reportOf(thread)));
    const { clusters, ...sum } = sumReports(
      reports.filter((report) => report !== null),
      this.#deadReport,
    );
    const withOutliers = clusters.map((cluster) => ({ ...cluster, outlier: this.#hub.stats(cluster.name) }));
    return { ...sum, clusters: withOutliers };
  }

  async load(): Promise<PathLoad> {
    const { clock } = this.#options;
    return sumLoads(await Promise.all(this.#threads().map((thread) => inTime(clock, thread.ask('load', {})))));
  }

  async stopInbound(): Promise<void> {
    const { clock, sockets } = this.#options;
    sockets.closeFor('inbound');
    await Promise.all(this.#threads().map((thread) => inTime(clock, thread.ask('stopInbound', {}))));
  }

  startDraining(): void {
    this.#isDraining = true;
    this.#tellAll({ kind: 'startDraining' });
  }

  async drained(drainMs: number): Promise<void> {
    const { clock, sockets } = this.#options;
    const cancel = clock.after(drainMs, () => sockets.close());
    await Promise.all(this.#threads().map((thread) => thread.ask('drained', { drainMs })));
    cancel();
    sockets.close();
  }

  async handOver({ idleMs, limitMs, onStopped }: HandOver): Promise<void> {
    this.#isEnding = true;
    await this.#applying;
    const threads = this.#threads();
    const done = threads.map((thread) => thread.ask('handOver', { idleMs, limitMs }));
    await Promise.all(threads.map(({ stopped }) => stopped));
    this.#options.sockets.close();
    onStopped();
    await Promise.all(done);
  }

  async close(): Promise<void> {
    this.#isEnding = true;
    clearInterval(this.#keepAlive);
    this.#stopWaiting();
    this.#stopCertificates();
    await this.#applying;
    this.#options.sockets.close();
    this.#hub.close();
    await Promise.all(
      this.#threads().map(async (thread) => {
        await inTime(this.#options.clock, thread.ask('close', {}));
        await thread.terminate();
      }),
    );
    await this.#logs.close();
  }

  #threads(): WorkerThread[] {
    return this.#seats.map(({ thread }) => thread).filter((thread) => thread !== null);
  }

  #tellAll(message: ToWorker): void {
    for (const thread of this.#threads()) thread.post(message);
  }

  async #apply(snapshot: Snapshot): Promise<void> {
    // Nobody is to be kept waiting by a port that is open before there is who serves it.
    await Promise.all(this.#threads().map(({ begun }) => begun));
    if (this.#isEnding) return;
    this.#snapshot = snapshot;
    this.#counts.setClusters(snapshot.clusters.keys());
    this.#hub.configure(snapshot.clusters);
    if (this.#isListening) this.#options.sockets.setListeners(snapshot.listeners);
    // The first alone where it is it that finds a free port for all.
    const [first, ...others] = this.#seats;
    const needsFirst = this.#options.sockets.awaitsPort;
    if (first !== undefined && needsFirst) await this.#bring(first);
    await Promise.all((needsFirst ? others : this.#seats).map((seat) => this.#bring(seat)));
    // What a dead worker would have taken is not known; one that has not started has taken nothing.
    if (this.#seats.every(({ thread, startedAt }) => thread !== null || startedAt === 0))
      this.#options.sockets.closeUnused();
  }

  /** Tells the worker of this seat what is in force. Resolves when it is there, or the worker is dead. */
  async #bring({ index, thread }: Seat): Promise<void> {
    const snapshot = this.#snapshot;
    if (thread === null || snapshot === null) return;
    const { sockets } = this.#options;
    const delta = diffSnapshot(thread.snapshot, snapshot);
    thread.snapshot = snapshot;
    const blocks = thread.newBlocks(this.#counts.blocks);
    const addresses = await thread.ask('apply', { delta, blocks, places: sockets.placesFor(index) });
    // Told anew meanwhile: the answer to that will say.
    if (addresses === null || thread.snapshot !== snapshot) return;
    sockets.listening(index, addresses);
    this.#addresses = addresses;
  }

  #fill(seat: Seat): void {
    const { clock, setup, start, certificates } = this.#options;
    const { index } = seat;
    const thread: WorkerThread = start(
      { ...setup, index },
      {
        onMessage: (message) => this.#take(seat, thread, message),
        onExit: (reason) => this.#ended(seat, thread, reason),
      },
    );
    seat.thread = thread;
    seat.startedAt = clock.monotonic();
    thread.post({ kind: 'certificate', certificate: postCertificate(certificates.current()) });
    void this.#bring(seat);
    if (this.#isDraining) thread.post({ kind: 'startDraining' });
  }

  #take({ index }: Seat, thread: WorkerThread, message: HandledMessage): void {
    switch (message.kind) {
      case 'ready':
        if (message.reason !== null)
          this.#options.logger.info(
            { worker: index, reason: message.reason },
            "connections run on Node's documented streams",
          );
        return;
      case 'log':
        return this.#options.logger[message.level](message.facts, message.message);
      case 'accessLog': {
        // Whole lines, gathered by the worker already.
        const writer = this.#logs.writer(message.path);
        writer.write(message.lines);
        return writer.flush();
      }
      case 'members': {
        const { cluster, keys } = message;
        thread.post({ kind: 'hosts', cluster, states: this.#hub.members(index, cluster, keys) });
        return;
      }
      case 'fire':
        return this.#hub.fire(message.cluster, message.key, message.type);
    }
  }

  #ended(seat: Seat, thread: WorkerThread, reason: string): void {
    const { clock, random, logger, sockets } = this.#options;
    const { index } = seat;
    seat.thread = null;
    this.#counts.forget(index);
    this.#hub.forget(index);
    sockets.forget(index);
    const { slab, lastReport } = thread;
    if (slab !== null) this.#deadSlab = mergeSlabs(this.#deadSlab === null ? [slab] : [this.#deadSlab, slab]);
    if (lastReport !== null) this.#deadReport = retireReport(lastReport, this.#deadReport);
    if (this.#isEnding) return;
    this.#deaths++;
    seat.earlyDeaths = countEarlyDeaths(seat.earlyDeaths, clock.monotonic() - seat.startedAt);
    const delayMs = restartDelayMs(seat.earlyDeaths, random);
    logger.error({ worker: index, reason, restartInMs: delayMs }, 'a worker died: its connections are lost');
    if (delayMs > 0) sockets.suspend(index);
    clock.after(delayMs, () => this.#refill(seat));
  }

  #refill(seat: Seat): void {
    if (this.#isEnding) return;
    this.#options.sockets.resume(seat.index);
    this.#fill(seat);
  }

  async #reportOf(thread: WorkerThread): Promise<DataPathReport | null> {
    const report = await inTime(this.#options.clock, thread.ask('report', {}));
    thread.lastReport = report ?? thread.lastReport;
    return thread.lastReport;
  }
}
