/** Owns the registry's state and its timer; what follows from an event is decided in `registry/registry.ts`. */
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { WorkloadGroup } from '#shared/model/resource.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import { resourcesOf, type Catalog, type Change } from './catalog/catalog.ts';
import { toJoiningWorkload, toProxyNode } from './proxy-node.ts';
import type { RegistryFile } from './registry/registry-file.ts';
import {
  emptyRegistry,
  nextExpiry,
  stepRegistry,
  type JoiningWorkload,
  type RegistryEvent,
  type RegistryState,
} from './registry/registry.ts';

export type RegistryOptions = Readonly<{
  mesh: MeshConfig;
  clock: Clock;
  graceMs: number;
  catalog: Watch<Catalog>;
  tell: (changes: readonly Change[]) => void;
  file: RegistryFile;
  onFailure: (message: string) => void;
}>;

/** Sidecars come back with a back-off of up to 10 s: so long, and some more, a restart keeps what it knew. */
const restoreGraceMs = 30_000;

export class RegistryOwner {
  readonly #options: RegistryOptions;
  #state: RegistryState = emptyRegistry;
  #connections = 0;
  /** Per proxy its newest connection, for health reports. */
  readonly #connectionOf = new Map<string, string>();
  readonly #health = new Map<string, Readonly<{ isHealthy: boolean; message: string }>>();
  #cancel: (() => void) | null = null;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Takes what was registered when the control plane last ran. */
  async restore(): Promise<void> {
    const { file, clock, graceMs, onFailure } = this.#options;
    try {
      const entries = await file.read();
      if (entries.length > 0)
        this.#step({ kind: 'restored', entries, removeAtMs: clock.now() + Math.max(graceMs, restoreGraceMs) });
    } catch (error) {
      onFailure(describeError(error));
    }
  }

  /** A proxy connected; the returned function is to be called when its stream ends. */
  connect(node: XdsNode): () => void {
    const proxy = toProxyNode(node, this.#options.mesh);
    const workload = proxy.ok ? toJoiningWorkload(proxy.value) : null;
    const connection = `${node.id}#${++this.#connections}`;
    this.#connectionOf.set(node.id, connection);
    if (workload !== null && !this.#isDeclared(workload)) {
      this.#step({
        kind: 'connected',
        connection,
        workload,
        group: this.#groupOf(workload),
        atMs: this.#options.clock.now(),
      });
    }
    return () => {
      if (this.#connectionOf.get(node.id) === connection) {
        this.#connectionOf.delete(node.id);
        this.#health.delete(node.id);
      }
      this.#step({ kind: 'disconnected', connection, atMs: this.#options.clock.now() });
    };
  }

  /** What a sidecar says of its application. */
  setHealth(node: XdsNode, isHealthy: boolean, message: string): void {
    this.#health.set(node.id, { isHealthy, message });
    const connection = this.#connectionOf.get(node.id);
    if (connection !== undefined) this.#step({ kind: 'health', connection, isHealthy, message });
  }

  /** The last health that a proxy told, or null. */
  healthOf(id: string): Readonly<{ isHealthy: boolean; message: string }> | null {
    return this.#health.get(id) ?? null;
  }

  close(): void {
    this.#cancel?.();
  }

  #step(event: RegistryEvent): void {
    const [next, changes] = stepRegistry(this.#state, event, this.#options.graceMs);
    this.#state = next;
    this.#options.tell(changes);
    if (changes.length > 0) this.#keep();
    this.#cancel?.();
    const dueMs = nextExpiry(next);
    const { clock } = this.#options;
    this.#cancel =
      dueMs === null
        ? null
        : clock.after(Math.max(0, dueMs - clock.now()), () => this.#step({ kind: 'tick', atMs: clock.now() }));
  }

  #keep(): void {
    const { file, onFailure } = this.#options;
    const entries = [...this.#state.values()].map(({ entry }) => entry);
    file
      .write(entries)
      .catch((error: unknown) => onFailure(`the registered workloads cannot be kept: ${describeError(error)}`));
  }

  /** Whether a user has written an entry for this address (and, on shared addresses, for these ports). */
  #isDeclared(workload: JoiningWorkload): boolean {
    const ports = new Set(Object.values(workload.ports));
    return [...this.#options.catalog.current().entries.values()].some(({ resource, origin }) => {
      if (
        resource?.kind !== 'WorkloadEntry' ||
        origin.source === 'registry' ||
        resource.spec.address !== workload.address
      )
        return false;
      const declared = Object.values(resource.spec.ports ?? {});
      return ports.size === 0 || declared.length === 0 || declared.some((port) => ports.has(port));
    });
  }

  #groupOf(workload: JoiningWorkload): WorkloadGroup | null {
    const found = resourcesOf(this.#options.catalog.current()).find(
      (resource) =>
        resource.kind === 'WorkloadGroup' &&
        resource.metadata.name === workload.group &&
        resource.metadata.namespace === workload.namespace,
    );
    return found?.kind === 'WorkloadGroup' ? found : null;
  }
}
