import type { RequestHead } from '../http1/message.ts';
import type { ServerStream } from '../net/http-stream.ts';
import type { CompiledRoute } from '../routing/compiled-route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { Connection } from '../transport/transport.ts';
import type { Cluster } from '../upstream/cluster.ts';

/** Fills in what is known when a request begins. */
export function openRecord(record: AccessRecord, head: RequestHead, stream: ServerStream, nowMs: number): void {
  record.startTimeMs = nowMs;
  record.request = head;
  record.method = head.method;
  record.path = head.path;
  record.authority = head.authority;
  record.protocol = head.version;
  openConnectionRecord(record, stream.connection);
}

/** Fills in where a request is to go, as far as that is known. */
export function recordRoute(record: AccessRecord, route: CompiledRoute | null, cluster: Cluster | null): void {
  record.routeName = route?.config.name ?? '';
  if (cluster === null) return;
  record.cluster = cluster.config.altStatName;
  record.clusterRaw = cluster.config.name;
}

/** Fills in what is known of the downstream connection. */
export function openConnectionRecord(record: AccessRecord, connection: Connection): void {
  record.downstreamRemoteAddress = connection.remoteName;
  record.downstreamDirectRemoteAddress = connection.remoteName;
  record.downstreamLocalAddress = connection.localName;
  const { tls } = connection;
  if (tls === null) return;
  record.sni = tls.serverName;
  const { peerUriSans } = tls;
  record.peerUriSan = peerUriSans.length === 1 ? (peerUriSans[0] ?? '') : peerUriSans.join(',');
  record.peerSubject = tls.peerSubject;
  record.peerFingerprint = tls.peerCertificateSha256;
  record.localUriSan = tls.localUriSan;
  record.tlsVersion = tls.version;
  record.tlsCipher = tls.cipher;
}
