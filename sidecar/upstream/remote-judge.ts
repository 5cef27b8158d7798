import type { OutlierConfig } from '../snapshot/cluster.ts';
import type { Host } from './host.ts';
import { OutlierReports, type ConsecutiveType, type LocalResult } from './outlier-reports.ts';
import type { HostJudge } from './outlier-watch.ts';

/** The way to the thread that judges the hosts of a cluster. */
export type JudgeLine = Readonly<{
  /** All hosts that this thread has now; each new one is answered with its state (`RemoteJudge.attach`). */
  members: (keys: readonly string[]) => void;
  fire: (key: string, type: ConsecutiveType) => void;
}>;

/** What the judging thread says of a host: where to count, and whether it is ejected. */
export type HostState = Readonly<{ key: string; cells: Int32Array; isEjected: boolean }>;

/** What a {@link RemoteJudge} is made with. */
export type RemoteJudgeOptions = Readonly<{
  line: JudgeLine;
  hosts: () => ReadonlyMap<string, Host>;
  /** The health of a host changed. */
  onChange: () => void;
  onClose: () => void;
}>;

/** The hosts of a cluster in a worker thread: requests are counted here, in shared cells, and another thread ejects. */
export class RemoteJudge implements HostJudge<Host> {
  readonly stats = null;
  readonly #options: RemoteJudgeOptions;
  #reports: OutlierReports<Host> | null = null;
  #known: readonly Host[] = [];

  constructor(options: RemoteJudgeOptions) {
    this.#options = options;
  }

  configure(config: OutlierConfig | null): void {
    const wasOn = this.#reports !== null;
    if (config === null) this.#reports = null;
    else if (this.#reports === null)
      this.#reports = new OutlierReports(config, (host, type) => this.#options.line.fire(host.key, type));
    else this.#reports.update(config);
    if (wasOn !== (config !== null)) this.#tellMembers();
  }

  hostsChanged(): void {
    if (this.#reports !== null) this.#tellMembers();
  }

  reportStatus(host: Host, status: number): void {
    this.#reports?.reportStatus(host, status);
  }

  reportLocal(host: Host, result: LocalResult): void {
    this.#reports?.reportLocal(host, result);
  }

  /** Counts where all threads do from now on, and takes over whether the host is ejected. */
  attach({ key, cells, isEjected }: HostState): void {
    this.#options.hosts().get(key)?.monitor.attach(cells);
    this.setEjected(key, isEjected);
  }

  setEjected(key: string, isEjected: boolean): void {
    const monitor = this.#options.hosts().get(key)?.monitor;
    if (monitor === undefined || monitor.isEjected === isEjected) return;
    monitor.isEjected = isEjected;
    this.#options.onChange();
  }

  close(): void {
    this.#reports = null;
    this.#options.onClose();
  }

  /** Endpoints are pushed again and again; most often it is the same hosts. */
  #tellMembers(): void {
    const hosts = this.#reports === null ? [] : [...this.#options.hosts().values()];
    const isSame = hosts.length === this.#known.length && hosts.every((host, index) => host === this.#known[index]);
    if (isSame) return;
    this.#known = hosts;
    this.#options.line.members(hosts.map(({ key }) => key));
  }
}
