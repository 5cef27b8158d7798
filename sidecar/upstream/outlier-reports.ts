/**
 * What requests say of hosts, counted: the part of outlier detection that is on the path of every request. Counters fire when they
 * equal the threshold (outlier_detection_impl.cc); who hears of it decides. With worker threads the cells are shared, so that failures
 * in a row are counted over all of them, and the thread whose request reaches the threshold tells the one that decides.
 */
import type { OutlierConfig } from '../snapshot/cluster.ts';
import type { OutlierMonitor } from './outlier-monitor.ts';

/** Why a host is ejected; the names of Envoy's event log. */
export type EjectionType =
  | 'CONSECUTIVE_5XX'
  | 'CONSECUTIVE_GATEWAY_FAILURE'
  | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE'
  | 'SUCCESS_RATE'
  | 'SUCCESS_RATE_LOCAL_ORIGIN'
  | 'FAILURE_PERCENTAGE'
  | 'FAILURE_PERCENTAGE_LOCAL_ORIGIN';

/** The reasons that are found by counting failures in a row. */
export type ConsecutiveType = Extract<EjectionType, `CONSECUTIVE_${string}`>;

/** What a request says of its host when no response says it. */
export type LocalResult = 'connectSuccess' | 'connectFailed' | 'timeout' | 'requestFailed' | 'requestSuccess';

/** A host as the detector sees it. */
export interface OutlierHost {
  readonly key: string;
  readonly monitor: OutlierMonitor;
}

/** Counts for the hosts of one cluster. */
export class OutlierReports<H extends OutlierHost> {
  #config: OutlierConfig;
  readonly #onThreshold: (host: H, type: ConsecutiveType) => void;

  constructor(config: OutlierConfig, onThreshold: (host: H, type: ConsecutiveType) => void) {
    this.#config = config;
    this.#onThreshold = onThreshold;
  }

  /** Takes other settings; what was counted stays. */
  update(config: OutlierConfig): void {
    this.#config = config;
  }

  /** A response came with this status (for gRPC: the one that its code maps to). */
  reportStatus(host: H, status: number): void {
    const { monitor } = host;
    const isFailure = status >= 500 && status < 600;
    monitor.external.add(!isFailure);
    if (!isFailure) {
      monitor.consecutive5xx = 0;
      monitor.consecutiveGatewayFailure = 0;
      return;
    }
    if (status >= 502 && status <= 504) {
      if (monitor.countGatewayFailure() === this.#config.consecutiveGatewayFailure)
        this.#onThreshold(host, 'CONSECUTIVE_GATEWAY_FAILURE');
    } else monitor.consecutiveGatewayFailure = 0;
    if (monitor.count5xx() === this.#config.consecutive5xx) this.#onThreshold(host, 'CONSECUTIVE_5XX');
  }

  /** Something else ended a request. Unless split, it counts as a response; a connection made then says nothing. */
  reportLocal(host: H, result: LocalResult): void {
    const isSplit = this.#config.splitExternalLocalOriginErrors;
    switch (result) {
      case 'connectSuccess':
        if (isSplit) localSuccess(host.monitor);
        return;
      case 'connectFailed':
        return isSplit ? this.#localFailure(host) : this.reportStatus(host, 503);
      case 'timeout':
        return isSplit ? this.#localFailure(host) : this.reportStatus(host, 504);
      case 'requestFailed':
        return this.reportStatus(host, isSplit ? 503 : 500);
      case 'requestSuccess':
        this.reportStatus(host, 200);
        if (isSplit) localSuccess(host.monitor);
    }
  }

  #localFailure(host: H): void {
    host.monitor.local.add(false);
    if (host.monitor.countLocalOriginFailure() === this.#config.consecutiveLocalOriginFailure)
      this.#onThreshold(host, 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE');
  }
}

function localSuccess(monitor: OutlierMonitor): void {
  monitor.local.add(true);
  monitor.consecutiveLocalOriginFailure = 0;
}
