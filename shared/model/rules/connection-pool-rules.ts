import type { Field } from './field.ts';
import type { Report } from './report.ts';
import { checkDuration, checkNonNegative } from './scalar-rules.ts';

const httpCounts = [
  'http1MaxPendingRequests',
  'http2MaxRequests',
  'maxRequestsPerConnection',
  'maxRetries',
  'maxConcurrentStreams',
];

/** Istio's rules for `connectionPool`. */
export function checkConnectionPool(pool: Field, report: Report): void {
  if (!pool.isObject) return;
  const [http, tcp] = [pool.get('http'), pool.get('tcp')];
  if (!http.isSet && !tcp.isSet) report.error(pool, 'connection pool must have at least one field');
  for (const name of httpCounts) checkNonNegative(http.get(name), report);
  checkDuration(http.get('idleTimeout'), report);
  if (http.get('h2UpgradePolicy').text === 'UPGRADE' && http.get('useClientProtocol').isTrue)
    report.error(http.get('useClientProtocol'), 'must not be true when h2UpgradePolicy is UPGRADE');
  checkNonNegative(tcp.get('maxConnections'), report);
  for (const name of ['connectTimeout', 'maxConnectionDuration', 'idleTimeout']) checkDuration(tcp.get(name), report);
  for (const name of ['time', 'interval']) checkDuration(tcp.at('tcpKeepalive', name), report);
}
