/**
 * Outlier detection: results of requests come in, ejections and their ends go out. It is Envoy's, quirk by quirk
 * (outlier_detection_impl.cc): counters fire when they equal the threshold, an ejection ends only at a tick of the interval,
 * and each further one lasts longer. The detector owns the monitors of its cluster's hosts; the clock and chance are handed in,
 * and whoever owns the detector calls `tick` each interval.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { OutlierConfig } from '../snapshot/cluster.ts';
import type { OutlierMonitor, SuccessRate } from './outlier-monitor.ts';
import {
  OutlierReports,
  type ConsecutiveType,
  type EjectionType,
  type LocalResult,
  type OutlierHost,
} from './outlier-reports.ts';
import { createOutlierStats, type OutlierStats } from './outlier-stats.ts';
import { findFailing, findSlipping, type HostRate } from './outlier-rates.ts';

/** For the event log, `explain` and the page: what happened to which host, why, and until when at the earliest. */
export type OutlierEvent<H extends OutlierHost> = Readonly<{
  action: 'EJECT' | 'UNEJECT';
  host: H;
  /** Null for an end. */
  type: EjectionType | null;
  ejections: number;
  /** False: noticed, but by `enforcing_*` not acted upon. */
  isEnforced: boolean;
  atMs: number;
  /** Earliest end; the next tick of the interval after it ends it. Null if there is none. */
  untilMs: number | null;
}>;

/** What a detector is made with. */
export type OutlierOptions<H extends OutlierHost> = Readonly<{
  clock: Clock;
  random: Random;
  /** Called after the host's state changed (or would have, when not enforced). */
  onEvent: (event: OutlierEvent<H>) => void;
}>;

const none: ReadonlySet<never> = new Set();

/** The detector of one cluster. */
export class OutlierDetector<H extends OutlierHost> {
  readonly stats: OutlierStats = createOutlierStats();
  readonly #options: OutlierOptions<H>;
  #config: OutlierConfig;
  readonly #reports: OutlierReports<H>;
  #hosts: ReadonlySet<H> = none;

  constructor(config: OutlierConfig, options: OutlierOptions<H>) {
    this.#config = config;
    this.#options = options;
    this.#reports = new OutlierReports(config, (host, type) => this.fire(host, type));
  }

  /** Takes other settings; counters and ejections stay. */
  update(config: OutlierConfig): void {
    this.#config = config;
    this.#reports.update(config);
  }

  /** The hosts of the cluster, of all priorities. */
  setHosts(hosts: Iterable<H>): void {
    this.#hosts = new Set(hosts);
    this.stats.ejections_active = this.#countEjected();
  }

  /** A response came with this status (for gRPC: the one that its code maps to). */
  reportStatus(host: H, status: number): void {
    this.#reports.reportStatus(host, status);
  }

  /** Something else ended a request. */
  reportLocal(host: H, result: LocalResult): void {
    this.#reports.reportLocal(host, result);
  }

  /**
   * A counter of the host met its threshold: here, or in the thread that reports. It starts again even if the ejection is refused, but
   * not while the host is ejected.
   */
  fire(host: H, type: ConsecutiveType): void {
    if (host.monitor.isEjected || !this.#hosts.has(host)) return;
    this.stats[`ejections_detected_${statNames[type]}`]++;
    this.#eject(host, type);
    if (type === 'CONSECUTIVE_5XX') host.monitor.consecutive5xx = 0;
    else if (type === 'CONSECUTIVE_GATEWAY_FAILURE') host.monitor.consecutiveGatewayFailure = 0;
    else host.monitor.consecutiveLocalOriginFailure = 0;
  }

  /** Ends what is over, judges the rates of the interval that ends, and forgives hosts that stayed well. */
  tick(): void {
    const now = this.#options.clock.monotonic();
    for (const host of this.#hosts) {
      if (host.monitor.isEjected) this.#unejectIfOver(host, now);
      host.monitor.external.swap();
      host.monitor.local.swap();
      host.monitor.externalPercent = -1;
      host.monitor.localPercent = -1;
    }
    this.#judgeRates(false);
    this.#judgeRates(true);
    for (const { monitor } of this.#hosts) {
      const since = monitor.unejectedAt;
      if (!monitor.isEjected && since !== null && now - since >= this.#config.intervalMs && monitor.backoff > 0)
        monitor.backoff--;
    }
  }

  /** Ends all ejections, when detection is switched off. */
  release(): void {
    for (const host of this.#hosts) if (host.monitor.isEjected) this.#uneject(host, this.#options.clock.monotonic());
  }

  #eject(host: H, type: EjectionType): void {
    const active = this.stats.ejections_active;
    const isAllowed =
      (100 * (active + 1)) / this.#hosts.size <= Math.min(100, this.#config.maxEjectionPercent) ||
      (this.#config.alwaysEjectOneHost && active === 0);
    if (!isAllowed) {
      this.stats.ejections_overflow++;
      return;
    }
    const isEnforced = this.#options.random() * 100 < enforcing(this.#config, type);
    if (isEnforced) this.#markEjected(host.monitor, type);
    const untilMs = isEnforced ? this.#options.clock.now() + this.#durationMs(host.monitor) : null;
    this.#tell(host, { action: 'EJECT', type, isEnforced, untilMs });
  }

  #markEjected(monitor: OutlierMonitor, type: EjectionType): void {
    const { baseEjectionTimeMs, maxEjectionTimeMs, maxEjectionTimeJitterMs } = this.#config;
    this.stats.ejections_active++;
    this.stats.ejections_enforced_total++;
    this.stats[`ejections_enforced_${statNames[type]}`]++;
    monitor.isEjected = true;
    monitor.ejections++;
    monitor.ejectedAt = this.#options.clock.monotonic();
    monitor.jitterMs = Math.floor(this.#options.random() * (maxEjectionTimeJitterMs + 1));
    if (monitor.backoff * baseEjectionTimeMs < maxEjectionTimeMs + baseEjectionTimeMs) monitor.backoff++;
  }

  #durationMs(monitor: OutlierMonitor): number {
    const { baseEjectionTimeMs, maxEjectionTimeMs } = this.#config;
    return Math.min(baseEjectionTimeMs * monitor.backoff, maxEjectionTimeMs) + monitor.jitterMs;
  }

  #unejectIfOver(host: H, now: number): void {
    if (this.#durationMs(host.monitor) <= now - host.monitor.ejectedAt) this.#uneject(host, now);
  }

  #uneject(host: H, now: number): void {
    this.stats.ejections_active--;
    host.monitor.isEjected = false;
    host.monitor.unejectedAt = now;
    host.monitor.resetCounters();
    this.#tell(host, { action: 'UNEJECT', type: null, isEnforced: true, untilMs: null });
  }

  #tell(host: H, facts: Pick<OutlierEvent<H>, 'action' | 'type' | 'isEnforced' | 'untilMs'>): void {
    this.#options.onEvent({
      ...facts,
      host,
      ejections: host.monitor.ejections,
      atMs: this.#options.clock.now(),
    });
  }

  #judgeRates(isLocal: boolean): void {
    const rates = this.#collectRates(isLocal);
    for (const { host } of findSlipping(rates, this.#config))
      this.#judge(host, isLocal ? 'SUCCESS_RATE_LOCAL_ORIGIN' : 'SUCCESS_RATE');
    for (const { host } of findFailing(rates, this.#config))
      this.#judge(host, isLocal ? 'FAILURE_PERCENTAGE_LOCAL_ORIGIN' : 'FAILURE_PERCENTAGE');
  }

  #judge(host: H, type: EjectionType): void {
    this.stats[`ejections_detected_${statNames[type]}`]++;
    if (!host.monitor.isEjected) this.#eject(host, type);
  }

  #collectRates(isLocal: boolean): HostRate<H>[] {
    const least = Math.min(this.#config.successRateRequestVolume, this.#config.failurePercentageRequestVolume);
    const rates: HostRate<H>[] = [];
    for (const host of this.#hosts) {
      const rate: SuccessRate = isLocal ? host.monitor.local : host.monitor.external;
      if (host.monitor.isEjected || rate.volume === 0 || rate.volume < least) continue;
      if (isLocal) host.monitor.localPercent = rate.percent;
      else host.monitor.externalPercent = rate.percent;
      rates.push({ host, percent: rate.percent, volume: rate.volume });
    }
    return rates;
  }

  #countEjected(): number {
    let count = 0;
    for (const { monitor } of this.#hosts) if (monitor.isEjected) count++;
    return count;
  }
}

const statNames = {
  CONSECUTIVE_5XX: 'consecutive_5xx',
  CONSECUTIVE_GATEWAY_FAILURE: 'consecutive_gateway_failure',
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: 'consecutive_local_origin_failure',
  SUCCESS_RATE: 'success_rate',
  SUCCESS_RATE_LOCAL_ORIGIN: 'local_origin_success_rate',
  FAILURE_PERCENTAGE: 'failure_percentage',
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: 'local_origin_failure_percentage',
} as const;

function enforcing(config: OutlierConfig, type: EjectionType): number {
  switch (type) {
    case 'CONSECUTIVE_5XX':
      return config.enforcingConsecutive5xx;
    case 'CONSECUTIVE_GATEWAY_FAILURE':
      return config.enforcingConsecutiveGatewayFailure;
    case 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE':
      return config.enforcingConsecutiveLocalOriginFailure;
    case 'SUCCESS_RATE':
    case 'SUCCESS_RATE_LOCAL_ORIGIN':
      return config.enforcingSuccessRate;
    case 'FAILURE_PERCENTAGE':
    case 'FAILURE_PERCENTAGE_LOCAL_ORIGIN':
      return config.enforcingFailurePercentage;
  }
}
