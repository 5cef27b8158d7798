import type { Clock } from '#shared/runtime/clock.ts';
import type { NamedSource } from '../net/listening-socket.ts';
import type { Endpoint } from '../snapshot/endpoints.ts';
import { Host, hostKey, type HostOwner } from './host.ts';

/** Where to go, and in whose name; absent or null: in ours. */
export type OriginalDestination = Readonly<{ address: string; port: number; inNameOf?: NamedSource | null }>;

/** How often hosts that nobody uses are let go; Envoy's `cleanup_interval`. */
const cleanupMs = 5_000;

const nowhere = { locality: { region: '', zone: '', subZone: '' }, priority: 0 };

const noHosts: ReadonlyMap<string, Host> = new Map();

/**
 * The hosts of an original-destination cluster: one is made for each address that somebody wants to go to, and for each name that it is
 * gone to in, since connections in the name of one are not for another.
 */
export class OriginalHosts {
  /** Null until the first: most clusters have none. */
  #hosts: Map<string, Host> | null = null;
  readonly #owner: HostOwner;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #stopTimer: (() => void) | null = null;

  constructor(owner: HostOwner, clock: Clock, onChange: () => void) {
    this.#owner = owner;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get hosts(): ReadonlyMap<string, Host> {
    return this.#hosts ?? noHosts;
  }

  /** The host of this address. */
  hostOf({ address, port, inNameOf = null }: OriginalDestination): Host {
    const key = keyOf(hostKey({ address, port }), inNameOf);
    const hosts = (this.#hosts ??= new Map());
    const known = hosts.get(key);
    if (known !== undefined) return known;
    const host = new Host(toEndpoint(address, port), { ...nowhere, inNameOf }, this.#owner);
    hosts.set(key, host);
    this.#onChange();
    this.#stopTimer ??= this.#clock.after(cleanupMs, () => this.#cleanUp());
    return host;
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
  }

  /** Lets go whom nobody uses; a host may stay one round longer than it is idle. */
  #cleanUp(): void {
    for (const host of this.hosts.values()) if (isUnused(host)) this.#remove(host);
    this.#stopTimer = this.hosts.size === 0 ? null : this.#clock.after(cleanupMs, () => this.#cleanUp());
  }

  #remove(host: Host): void {
    host.isRemoved = true;
    this.#hosts?.delete(keyOf(host.key, host.inNameOf));
    host.drainPools();
    this.#onChange();
  }
}

function keyOf(key: string, inNameOf: NamedSource | null): string {
  return inNameOf === null ? key : `${key} for ${inNameOf.address}`;
}

function isUnused(host: Host): boolean {
  if (host.activeRequests > 0) return false;
  for (const pool of host.pools.values()) if (pool.connections > 0 || pool.pending > 0) return false;
  return true;
}

function toEndpoint(address: string, port: number): Endpoint {
  return { address, port, weight: 1, health: 'healthy', transportLabels: {}, workload: '', hostname: '' };
}
