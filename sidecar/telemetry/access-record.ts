import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import { flagBit } from './response-flags.ts';

/**
 * What is known of one exchange (or TCP connection) when it is logged and counted. Plain fields that their one owner, the
 * exchange, fills as it goes; empty strings, -1 and null stand for what never came about. The operators of access log formats
 * and of header values read it (format-operators.ts).
 */
export class AccessRecord {
  /** Wall clock at the first byte, milliseconds since the epoch. */
  startTimeMs = 0;
  /** Milliseconds from the start to the last byte sent downstream. */
  durationMs = -1;
  /** ... to the last byte of the request. */
  requestDurationMs = -1;
  /** ... to the last byte of the request sent upstream. */
  requestSentMs = -1;
  /** ... to the first byte of the upstream's response. */
  responseDurationMs = -1;

  /** The heads as they are at the end, after all changes; null for TCP, and for requests that could not be read. */
  request: RequestHead | null = null;
  response: ResponseHead | null = null;
  trailers: HeaderMap | null = null;
  /** What could be read of a request without a head. */
  method = '';
  path = '';
  authority = '';
  /** `HTTP/1.1`, `HTTP/2`; empty for TCP. */
  protocol = '';
  upstreamProtocol = '';

  status = 0;
  /** Mask of response flags, and their short names in the order in which they were set, as Envoy prints them. */
  flags = 0;
  flagNames = '';
  details = '';
  connectionTerminationDetails = '';
  upstreamTransportFailureReason = '';
  /** Bodies. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Heads and bodies. */
  downstreamWireBytesReceived = 0;
  downstreamWireBytesSent = 0;
  upstreamWireBytesReceived = 0;
  upstreamWireBytesSent = 0;
  /** Status of a gRPC response, -1 without one. */
  grpcStatus = -1;

  routeName = '';
  /** Statistical name of the cluster (`outbound|80||reviews;`), as Envoy's UPSTREAM_CLUSTER. */
  cluster = '';
  clusterRaw = '';
  /** Attempts sent upstream. */
  attempts = 0;
  /** Addresses as `ip:port` or `[ip]:port`. */
  upstreamHost = '';
  upstreamLocalAddress = '';
  downstreamLocalAddress = '';
  downstreamRemoteAddress = '';
  downstreamDirectRemoteAddress = '';
  connectionId = 0;
  filterChainName = '';

  sni = '';
  peerUriSan = '';
  peerDnsSan = '';
  peerSubject = '';
  peerFingerprint = '';
  localUriSan = '';
  tlsVersion = '';
  tlsCipher = '';
  upstreamPeerUriSan = '';
  traceId = '';

  /** Adds a response flag by its short name (`UH`). */
  addFlag(name: string): void {
    const bit = flagBit(name);
    if ((this.flags & bit) === bit) return;
    this.flags |= bit;
    this.flagNames = this.flagNames === '' ? name : `${this.flagNames},${name}`;
  }

  hasFlag(name: string): boolean {
    return (this.flags & flagBit(name)) !== 0;
  }
}
