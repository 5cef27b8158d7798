import { hostname } from 'node:os';
import type { AccessRecord } from './access-record.ts';
import { longFlagNames } from './response-flags.ts';
import { compileTimeFormat, formatIsoTime } from './format-time.ts';
import { grpcStatusText, isGrpcStatusForm } from './grpc-status.ts';

/** What an operator yields for a record; null is a value that is not there (`-` in text, `null` in JSON). */
export type OperatorValue = (record: AccessRecord) => string | number | null;

/** Either the compiled operator, or what is wrong with it. */
export type CompiledOperator = Readonly<{ ok: true; value: OperatorValue }> | Readonly<{ ok: false; message: string }>;

type Factory = (argument: string | undefined) => OperatorValue | string;

const text = (read: (record: AccessRecord) => string): Factory => plain((record) => read(record) || null);
const plain =
  (value: OperatorValue): Factory =>
  () =>
    value;
const duration = (read: (record: AccessRecord) => number): Factory =>
  plain((record) => {
    const ms = read(record);
    return ms < 0 ? null : Math.round(ms);
  });
const missing: Factory = plain(() => null);

/** One address in its three forms: NAME, NAME_WITHOUT_PORT, and the port. */
function address(prefix: string, read: (record: AccessRecord) => string): [string, Factory][] {
  return [
    [`${prefix}_ADDRESS`, text(read)],
    [`${prefix}_ADDRESS_WITHOUT_PORT`, text((record) => withoutPort(read(record)))],
    [`${prefix}_PORT`, plain((record) => portOf(read(record)))],
  ];
}

const operators: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ['START_TIME', startTime],
  ['REQ', header(requestField)],
  ['RESP', header(responseField)],
  ['TRAILER', header((record, name) => record.trailers?.get(name) ?? null)],
  ['PATH', path],
  ['PROTOCOL', text((r) => r.protocol)],
  ['UPSTREAM_PROTOCOL', text((r) => r.upstreamProtocol)],
  ['RESPONSE_CODE', plain((r) => r.status)],
  ['RESPONSE_CODE_DETAILS', text((r) => r.details)],
  ['RESPONSE_FLAGS', plain((r) => r.flagNames || '-')],
  ['RESPONSE_FLAGS_LONG', plain((r) => longFlagNames(r.flagNames) || '-')],
  ['CONNECTION_TERMINATION_DETAILS', text((r) => r.connectionTerminationDetails)],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', text((r) => r.upstreamTransportFailureReason)],
  ['BYTES_RECEIVED', plain((r) => r.bytesReceived)],
  ['BYTES_SENT', plain((r) => r.bytesSent)],
  ['DOWNSTREAM_WIRE_BYTES_RECEIVED', plain((r) => r.downstreamWireBytesReceived)],
  ['DOWNSTREAM_WIRE_BYTES_SENT', plain((r) => r.downstreamWireBytesSent)],
  ['UPSTREAM_WIRE_BYTES_RECEIVED', plain((r) => r.upstreamWireBytesReceived)],
  ['UPSTREAM_WIRE_BYTES_SENT', plain((r) => r.upstreamWireBytesSent)],
  ['DURATION', duration((r) => r.durationMs)],
  ['REQUEST_DURATION', duration((r) => r.requestDurationMs)],
  ['REQUEST_TX_DURATION', duration((r) => r.requestSentMs)],
  ['RESPONSE_DURATION', duration((r) => r.responseDurationMs)],
  [
    'RESPONSE_TX_DURATION',
    duration((r) => (r.durationMs < 0 || r.responseDurationMs < 0 ? -1 : r.durationMs - r.responseDurationMs)),
  ],
  ['UPSTREAM_HOST', text((r) => r.upstreamHost)],
  ['UPSTREAM_CLUSTER', text((r) => r.cluster)],
  ['UPSTREAM_CLUSTER_RAW', text((r) => r.clusterRaw)],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', plain((r) => r.attempts)],
  ['UPSTREAM_PEER_URI_SAN', text((r) => r.upstreamPeerUriSan)],
  ...address('UPSTREAM_LOCAL', (r) => r.upstreamLocalAddress),
  ...address('UPSTREAM_REMOTE', (r) => r.upstreamHost),
  ...address('DOWNSTREAM_LOCAL', (r) => r.downstreamLocalAddress),
  ...address('DOWNSTREAM_REMOTE', (r) => r.downstreamRemoteAddress),
  ...address('DOWNSTREAM_DIRECT_REMOTE', (r) => r.downstreamDirectRemoteAddress || r.downstreamRemoteAddress),
  ['DOWNSTREAM_PEER_URI_SAN', text((r) => r.peerUriSan)],
  ['DOWNSTREAM_PEER_DNS_SAN', text((r) => r.peerDnsSan)],
  ['DOWNSTREAM_PEER_SUBJECT', text((r) => r.peerSubject)],
  ['DOWNSTREAM_PEER_FINGERPRINT_256', text((r) => r.peerFingerprint)],
  ['DOWNSTREAM_LOCAL_URI_SAN', text((r) => r.localUriSan)],
  ['DOWNSTREAM_TLS_VERSION', text((r) => r.tlsVersion)],
  ['DOWNSTREAM_TLS_CIPHER', text((r) => r.tlsCipher)],
  ['REQUESTED_SERVER_NAME', text((r) => r.sni)],
  ['ROUTE_NAME', text((r) => r.routeName)],
  ['FILTER_CHAIN_NAME', text((r) => r.filterChainName)],
  ['CONNECTION_ID', plain((r) => r.connectionId)],
  ['TRACE_ID', text((r) => r.traceId)],
  ['GRPC_STATUS', grpcStatus],
  ['GRPC_STATUS_NUMBER', plain((r) => (r.grpcStatus < 0 ? null : r.grpcStatus))],
  ['HOSTNAME', () => hostValue],
  // No filter of ours writes metadata or filter state, and there are no virtual clusters: the values are never there.
  ['DYNAMIC_METADATA', missing],
  ['CLUSTER_METADATA', missing],
  ['UPSTREAM_METADATA', missing],
  ['FILTER_STATE', missing],
  ['VIRTUAL_CLUSTER_NAME', missing],
]);

const hostText = hostname();
const hostValue: OperatorValue = () => hostText;

/** Compiles `%NAME(argument):maxLength%`. */
export function compileOperator(
  name: string,
  argument: string | undefined,
  maxLength: number | null,
): CompiledOperator {
  if (name === 'ENVIRONMENT') {
    return { ok: false, message: 'the operator ENVIRONMENT is not supported: formats may not read the environment' };
  }
  const factory = operators.get(name);
  if (factory === undefined) return { ok: false, message: `the operator ${name} is not known` };
  const value = factory(argument);
  if (typeof value === 'string') return { ok: false, message: `${name}: ${value}` };
  return { ok: true, value: maxLength === null ? value : truncated(value, maxLength) };
}

function truncated(value: OperatorValue, maxLength: number): OperatorValue {
  return (record) => {
    const result = value(record);
    return typeof result === 'string' && result.length > maxLength ? result.slice(0, maxLength) : result;
  };
}

function startTime(format: string | undefined): OperatorValue | string {
  if (format === undefined || format === '') return (record) => formatIsoTime(record.startTimeMs);
  const compiled = compileTimeFormat(format);
  return compiled === null ? `the time format ${format} is not understood` : (record) => compiled(record.startTimeMs);
}

/** `X` or `X?Y`: the first of the two headers that is there. */
function header(read: (record: AccessRecord, name: string) => string | number | null): Factory {
  return (argument) => {
    const [main = '', alternative, ...rest] = (argument ?? '').toLowerCase().split('?');
    if (main === '' || rest.length > 0) return 'needs one header name, or two joined by a question mark';
    if (alternative === undefined) return (record) => read(record, main);
    return (record) => read(record, main) ?? read(record, alternative);
  };
}

function requestField(record: AccessRecord, name: string): string | null {
  const head = record.request;
  switch (name) {
    case ':method':
      return (head === null ? record.method : head.method) || null;
    case ':path':
      return (head === null ? record.path : head.path) || null;
    case ':authority':
    case 'host':
      return (head === null ? record.authority : head.authority) || null;
    case ':scheme':
      return head === null ? null : head.scheme;
    default:
      return head?.headers.get(name) ?? null;
  }
}

function responseField(record: AccessRecord, name: string): string | number | null {
  if (name === ':status') return record.status === 0 ? null : record.status;
  return record.response?.headers.get(name) ?? null;
}

/** `GRPC_STATUS(CAMEL_STRING|SNAKE_STRING|NUMBER)`. */
function grpcStatus(form: string = 'CAMEL_STRING'): OperatorValue | string {
  const known = form === '' ? 'CAMEL_STRING' : form;
  if (!isGrpcStatusForm(known)) return 'takes CAMEL_STRING, SNAKE_STRING or NUMBER';
  return ({ grpcStatus }) => (grpcStatus < 0 ? null : grpcStatusText(grpcStatus, known));
}

/** `PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)`. */
function path(argument: string | undefined): OperatorValue | string {
  const [query = 'WQ', which = 'ORIG_OR_PATH'] = (argument ?? '').split(':').filter((part) => part !== '');
  if (!['WQ', 'NQ'].includes(query) || !['ORIG', 'PATH', 'ORIG_OR_PATH'].includes(which)) {
    return 'takes WQ or NQ, then ORIG, PATH or ORIG_OR_PATH';
  }
  return (record) => {
    const original = which === 'PATH' ? null : requestField(record, 'x-envoy-original-path');
    const value = original ?? (which === 'ORIG' ? null : requestField(record, ':path'));
    return value === null || query === 'WQ' ? value : (value.split('?', 1)[0] ?? '');
  };
}

/** The host of `ip:port` or `[ip]:port`. */
export function withoutPort(address: string): string {
  const colon = address.lastIndexOf(':');
  if (colon < 0) return address;
  return address.charCodeAt(0) === 0x5b ? address.slice(1, address.lastIndexOf(']')) : address.slice(0, colon);
}

function portOf(address: string): number | null {
  const colon = address.lastIndexOf(':');
  return colon < 0 ? null : Number(address.slice(colon + 1));
}
