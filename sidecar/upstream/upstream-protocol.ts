import type { RequestHead } from '../http1/message.ts';
import type { UpstreamHttp } from '../snapshot/cluster.ts';

/** What a pool's connections speak: one version, or what the TLS handshake settles (HTTP/1.1 without it). */
export type UpstreamProtocol = 'http1' | 'http2' | 'negotiated';

/**
 * What a request is sent in. Upgrades that came as HTTP/1.1 stay there: whether a peer takes extended CONNECT (RFC 8441) shows only
 * when its settings came, and many do not. So does a request without an authority, which HTTP/2 cannot say (RFC 9113 8.3.1).
 */
export function protocolFor(
  { protocol }: UpstreamHttp,
  { version, upgrade, authority }: RequestHead,
): UpstreamProtocol {
  switch (protocol) {
    case 'http2':
      return 'http2';
    case 'downstream':
      return version === 'HTTP/2' ? 'http2' : 'http1';
    case 'auto':
    case 'http1':
      return upgrade === null && authority !== '' ? 'negotiated' : 'http1';
  }
}

/** Whether a cluster cannot be asked this: it takes HTTP/2 only, and the request has no authority. */
export function lacksAuthority(http: UpstreamHttp, request: RequestHead): boolean {
  return request.authority === '' && protocolFor(http, request) === 'http2';
}
