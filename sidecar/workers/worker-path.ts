/**
 * The worker's side: a data path on this thread, told what to do by the main thread. It owns nothing that others need: sockets,
 * certificates and logs are handed in, limits and ejections are shared.
 */
import { closeSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { DataPath } from '../data-path.ts';
import { reportOf } from '../data-path-report.ts';
import type { ListenPlace } from '../net/listener.ts';
import { applyDelta, type SnapshotDelta } from '../snapshot/delta.ts';
import { emptySnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import type { PathLog } from '../neighbours.ts';
import { AccessLogWriter } from '../telemetry/access-log-writer.ts';
import type { SharedState } from '../upstream/cluster.ts';
import { RemoteJudge } from '../upstream/remote-judge.ts';
import { tablesOf } from './cluster-counts.ts';
import { receiveCertificate, type Answers, type FromWorker, type ToWorker, type WorkerSetup } from './messages.ts';

export type WorkerPathOptions = Readonly<{
  setup: WorkerSetup;
  post: (message: FromWorker) => void;
  clock: Clock;
  random: Random;
}>;

export class WorkerPath {
  readonly path: DataPath;
  readonly #options: WorkerPathOptions;
  readonly #certificates = new WatchSource<WorkloadCertificate | null>(null);
  readonly #places = new Map<string, ListenPlace>();
  readonly #blocks = new Map<string, SharedArrayBuffer>();
  readonly #judges = new Map<string, RemoteJudge>();
  #snapshot: Snapshot = emptySnapshot;

  constructor(options: WorkerPathOptions) {
    const { setup, post, clock, random } = options;
    const { own, compat, ownAddress } = setup;
    this.#options = options;
    this.path = new DataPath({
      clock,
      random,
      logger: postingLog(post),
      certificates: this.#certificates,
      own: { ...own, principal: () => this.#certificates.current()?.spiffeId ?? '' },
      compat,
      ownAddress,
      neighbours: {
        // One writer for all workers, on the main thread: nothing else keeps lines whole in a pipe.
        openLog: (path, logOptions) => new AccessLogWriter(postingStream(path, post), true, logOptions),
        place: ({ name }) => this.#takePlace(name),
        // The main thread does.
        hold: () => () => undefined,
        shared: (cluster) => this.#shared(cluster),
        onSeries: (entry) => post({ kind: 'series', entry }),
      },
    });
  }

  /** Does what the main thread says. */
  take(message: ToWorker): void {
    switch (message.kind) {
      case 'apply':
        for (const [cluster, block] of message.blocks) this.#blocks.set(cluster, block);
        for (const [name, place] of message.places) this.#places.set(name, place);
        return this.#answer(message.id, this.#apply(message.delta));
      case 'certificate':
        return this.#certificates.set(receiveCertificate(message.certificate));
      case 'hosts':
        for (const state of message.states) this.#judges.get(message.cluster)?.attach(state);
        return;
      case 'ejected':
        return this.#judges.get(message.cluster)?.setEjected(message.key, message.isEjected);
      case 'startDraining':
        return this.path.startDraining();
      case 'stopInbound':
        this.path.stopInbound();
        return this.#answer(message.id, Promise.resolve(null));
      case 'drained':
        return this.#answer(message.id, this.path.drained(message.drainMs).then(nothing));
      case 'handOver': {
        const { id, idleMs, limitMs } = message;
        const onStopped = () => this.#options.post({ kind: 'stopped' });
        return this.#answer(id, this.path.handOver({ idleMs, limitMs, onStopped }).then(nothing));
      }
      case 'load':
        return this.#answer(message.id, Promise.resolve(this.path.load()));
      case 'report':
        return this.#answer(message.id, Promise.resolve(reportOf(this.path)));
      case 'close':
        return this.#answer(message.id, this.path.close().then(nothing));
    }
  }

  async #apply(delta: SnapshotDelta): Promise<Answers['apply']> {
    this.#snapshot = applyDelta(this.#snapshot, delta);
    for (const cluster of this.#blocks.keys()) if (!this.#snapshot.clusters.has(cluster)) this.#blocks.delete(cluster);
    await this.path.apply(this.#snapshot);
    // Where there is a place to: the main thread says when.
    if (this.#places.size > 0) await this.path.listen();
    // A listener that could not be compiled takes none: its socket is not kept waiting.
    for (const name of this.#places.keys()) closePlace(this.#takePlace(name));
    return this.path.addresses();
  }

  /** A rejection is an error of the program: it ends the worker, which is replaced. */
  #answer(id: number, value: Promise<Answers[keyof Answers]>): void {
    void value.then((answer) => this.#options.post({ kind: 'answer', id, value: answer }));
  }

  #takePlace(name: string): ListenPlace | null {
    const place = this.#places.get(name) ?? null;
    this.#places.delete(name);
    return place;
  }

  #shared(cluster: string): SharedState | null {
    const { setup, post } = this.#options;
    const block = this.#blocks.get(cluster);
    if (block === undefined) return null;
    return {
      breakers: tablesOf(block, setup.index),
      judge: (hosts, onChange) => {
        const judge: RemoteJudge = new RemoteJudge({
          line: {
            members: (keys) => post({ kind: 'members', cluster, keys }),
            fire: (key, type) => post({ kind: 'fire', cluster, key, type }),
          },
          hosts,
          onChange,
          // A cluster of another kind may have taken its place already.
          onClose: () => void (this.#judges.get(cluster) === judge && this.#judges.delete(cluster)),
        });
        this.#judges.set(cluster, judge);
        return judge;
      },
    };
  }
}

const nothing = () => null;

function closePlace(place: ListenPlace | null): void {
  if (place?.fd !== null && place?.fd !== undefined) closeSync(place.fd);
}

/** Facts are made plain: what cannot be posted would end the worker. */
function postingLog(post: (message: FromWorker) => void): PathLog {
  const at = (level: 'info' | 'warn' | 'error') => (facts: object, message: string) =>
    post({ kind: 'log', level, facts: JSON.parse(JSON.stringify(facts)) as object, message });
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

function postingStream(path: string, post: (message: FromWorker) => void): Writable {
  return new Writable({
    write: (lines: Buffer, _encoding, done) => {
      // A copy: a message takes the whole memory of its bytes along.
      post({ kind: 'accessLog', path, lines: Uint8Array.from(lines) });
      done();
    },
  });
}
