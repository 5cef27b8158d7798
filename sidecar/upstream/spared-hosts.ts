import type { Clock } from '#shared/runtime/clock.ts';
import type { EndpointSet } from './endpoint-set.ts';
import type { Host } from './host.ts';

/** How long a host that refused is left alone: about as long as its end takes to be known everywhere. */
const restMs = 1000;

/** How often the balancer is asked again before anybody else will do. */
const repeatedPicks = 5;

/** What is to be avoided by one request. */
export type Avoidance = Readonly<{
  hash: bigint | null;
  /** Hosts that it tried already. */
  exclude: ReadonlySet<Host> | undefined;
  /** How often Envoy would ask its balancer again. */
  attempts: number;
}>;

/**
 * Hosts that took no connection, or refused a request unseen, are left alone for a moment while there are others: an endpoint that ends
 * closes its port before the registry says so (SEMANTICS.md section 3, 13 and 14). Each request that meets it would cost one of its
 * retries, and least-request prefers whom nobody is waiting for. Envoy has neither this nor a certain choice of a host that was not
 * tried yet: its balancer is asked again `host_selection_retry_max_attempts` times, and the last choice stands.
 */
export class SparedHosts {
  readonly #clock: Clock;
  readonly #isOn: () => boolean;

  /** `isOn`: false leaves everything to Envoy's rule. */
  constructor(clock: Clock, isOn: () => boolean) {
    this.#clock = clock;
    this.#isOn = isOn;
  }

  /** The host has just refused. */
  spare(host: Host): void {
    if (this.#isOn()) host.restsUntil = this.#clock.monotonic() + restMs;
  }

  /** The balancer named `first`: that host, or another if it is to be avoided. Null: there is nobody any more. */
  choose(endpoints: EndpointSet, first: Host, { hash, exclude, attempts }: Avoidance): Host | null {
    const isOn = this.#isOn();
    const isAvoided = (host: Host) => exclude?.has(host) === true || this.#rests(host);
    const most = isOn ? Math.max(attempts, repeatedPicks) : attempts;
    let host: Host | null = first;
    for (let attempt = 1; attempt <= most && host !== null && isAvoided(host); attempt++)
      host = endpoints.pick(hash, attempt);
    if (host === null || !isOn || !isAvoided(host)) return host;
    return endpoints.other(isAvoided) ?? endpoints.other((other) => exclude?.has(other) === true) ?? host;
  }

  #rests(host: Host): boolean {
    if (host.restsUntil === 0) return false;
    if (host.restsUntil > this.#clock.monotonic()) return true;
    host.restsUntil = 0;
    return false;
  }
}
