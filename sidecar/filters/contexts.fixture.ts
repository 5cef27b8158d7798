import type { FilterContext } from '../proxy/filter.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import type { TlsFacts } from '../transport/transport.ts';

/** Facts of a mutual TLS connection for tests. */
export function aTls(fields: Partial<TlsFacts> = {}): TlsFacts {
  return {
    alpn: 'istio',
    serverName: 'outbound_.80_._.server.default.svc.cluster.local',
    version: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    peerUriSans: ['spiffe://cluster.local/ns/default/sa/client'],
    peerDnsSans: [],
    peerSubject: '',
    peerCertificateSha256: 'ab12',
    localUriSan: 'spiffe://cluster.local/ns/default/sa/server',
    ...fields,
  };
}

/** What a filter sees, for tests: a plaintext `GET /`. */
export function aContext(fields: Partial<FilterContext> = {}): FilterContext {
  return {
    request: aRequest(),
    overrides: [],
    isGrpc: false,
    remoteAddress: '10.77.1.10',
    remotePort: 40_000,
    localAddress: '10.77.1.13',
    localPort: 8080,
    tls: null,
    clusterName: 'inbound|8080||',
    random: () => 0.5,
    ...fields,
  };
}
