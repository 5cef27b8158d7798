import type { Protocol } from '#shared/model/protocol.ts';
import { isHttp } from '#shared/model/protocol.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import type { TlsMode } from './peer-authentication.ts';

/** What one filter chain of an inbound port takes, and how. */
export type ChainKind = Readonly<{
  /** HTTP is routed, TCP is passed on. */
  as: 'http' | 'tcp';
  /** Whether the chain terminates mutual TLS. */
  terminatesTls: boolean;
  match: TypedObject;
}>;

const meshHttp = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
const meshTcp = ['istio-peer-exchange', 'istio'];
const meshAny = ['istio', 'istio-peer-exchange', ...meshHttp];
const plainHttp = ['http/1.1', 'h2c'];

const overTls = (as: ChainKind['as'], protocols?: readonly string[]): ChainKind => ({
  as,
  terminatesTls: true,
  match: { transport_protocol: 'tls', ...(protocols === undefined ? {} : { application_protocols: protocols }) },
});
const plain = (as: ChainKind['as'], protocols?: readonly string[]): ChainKind => ({
  as,
  terminatesTls: false,
  match: { transport_protocol: 'raw_buffer', ...(protocols === undefined ? {} : { application_protocols: protocols }) },
});

/** An application's own TLS, which is passed on as it is. */
const foreignTls: ChainKind = { as: 'tcp', terminatesTls: false, match: { transport_protocol: 'tls' } };

const chains: Readonly<Record<'http' | 'auto' | 'tcp', Readonly<Record<TlsMode, readonly ChainKind[]>>>> = {
  http: {
    STRICT: [overTls('http')],
    PERMISSIVE: [overTls('http', meshAny), plain('http')],
    DISABLE: [plain('http')],
  },
  auto: {
    STRICT: [overTls('http', meshHttp), overTls('tcp')],
    PERMISSIVE: [
      overTls('http', meshHttp),
      plain('http', plainHttp),
      overTls('tcp', meshTcp),
      plain('tcp'),
      foreignTls,
    ],
    DISABLE: [plain('http', plainHttp), plain('tcp')],
  },
  tcp: {
    STRICT: [overTls('tcp')],
    PERMISSIVE: [overTls('tcp', meshAny), foreignTls, plain('tcp')],
    DISABLE: [plain('tcp')],
  },
};

/** The filter chains that a port needs, by what it speaks and what its policy takes. */
export function chainKinds(protocol: Protocol, mode: TlsMode): readonly ChainKind[] {
  if (isHttp(protocol)) {
    return chains.http[mode];
  }
  return protocol === 'auto' ? chains.auto[mode] : chains.tcp[mode];
}
