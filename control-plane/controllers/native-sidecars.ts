import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';

/** Restartable init containers are on by default since Kubernetes 1.29, in the API server and in each kubelet. */
const sinceMinor = 29;
/** A kubelet may be three minor versions behind its API server. */
const kubeletsMayLag = 3;
const lookEveryMs = 300_000;

/** Whether nodes of these versions, under a server of this one, all run restartable init containers. */
export function takesNativeSidecars(serverMinor: number, nodes: readonly ClusterObject[] | null): boolean {
  if (serverMinor < sinceMinor) return false;
  if (serverMinor >= sinceMinor + kubeletsMayLag) return true;
  return nodes !== null && nodes.length > 0 && nodes.every((node) => kubeletMinor(node) >= sinceMinor);
}

function kubeletMinor({ status }: ClusterObject): number {
  // As a kubelet reports it.
  const { nodeInfo } = (status ?? {}) as { nodeInfo?: { kubeletVersion?: string } };
  return Number(/^v1\.(\d+)/.exec(nodeInfo?.kubeletVersion ?? '')?.[1] ?? 0);
}

export type NativeSidecarsOptions = Readonly<{ api: ClusterApi; clock: Clock; onFailure: (message: string) => void }>;

/** Looks every five minutes whether the cluster runs native sidecars; false until that is known. */
export class NativeSidecars {
  readonly #options: NativeSidecarsOptions;
  #isTaken = false;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(options: NativeSidecarsOptions) {
    this.#options = options;
  }

  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Resolves with the first look, whatever it found. */
  async start(): Promise<void> {
    const { api, clock, onFailure } = this.#options;
    try {
      const minor = await api.serverMinor();
      const needsNodes = minor >= sinceMinor && minor < sinceMinor + kubeletsMayLag;
      this.#isTaken = takesNativeSidecars(minor, needsNodes ? (await api.list('/api/v1/nodes')).items : null);
    } catch (error) {
      onFailure(`whether nodes run native sidecars is not known: ${describeError(error)}`);
    }
    if (!this.#isClosed) this.#cancel = clock.after(lookEveryMs, () => void this.start());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }
}
