import type { RequestHead } from '../http1/message.ts';
import type { ServerStream } from '../net/http-stream.ts';
import type { CompiledRoute } from '../routing/compiled-route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { Connection } from '../transport/transport.ts';
import type { Cluster } from '../upstream/cluster.ts';

/** `address:port`, IPv6 in brackets. */
export function formatAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

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

type AddressTexts = Readonly<{ remote: string; local: string }>;

/** Made once a connection, not once a request. */
const addressTexts = new WeakMap<Connection, AddressTexts>();

function addressTextsOf(connection: Connection): AddressTexts {
  let texts = addressTexts.get(connection);
  if (texts === undefined) {
    texts = {
      remote: formatAddress(connection.remoteAddress, connection.remotePort),
      local: formatAddress(connection.localAddress, connection.localPort),
    };
    addressTexts.set(connection, texts);
  }
  return texts;
}

/** Fills in what is known of the downstream connection. */
export function openConnectionRecord(record: AccessRecord, connection: Connection): void {
  const { remote, local } = addressTextsOf(connection);
  record.downstreamRemoteAddress = remote;
  record.downstreamDirectRemoteAddress = remote;
  record.downstreamLocalAddress = local;
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
