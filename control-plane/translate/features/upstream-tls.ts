import type { TypedObject } from '#shared/xds/typed.ts';
import type { MeshPort, MeshService } from '../mesh-service.ts';
import { mutualTlsServerName } from '../names.ts';
import type { ClientTls } from '../traffic-policy.ts';
import { automaticTls, clientMutualTls, externalTls } from './transport-sockets.ts';

/** What decides over the encryption of a cluster. */
export type Security = Readonly<{
  service: MeshService;
  port: MeshPort;
  subset: string;
  /** What the DestinationRule says. */
  tls: ClientTls | undefined;
  /** Whom the endpoints may be. */
  identities: readonly string[];
  isHttp2: boolean;
  /** Without a rule: mutual TLS to the endpoints that take it, to all, or to none. */
  automatic: 'perEndpoint' | 'always' | 'off';
}>;

/** `transport_socket` or `transport_socket_matches` of a cluster; nothing for plaintext. */
export function transportSecurity(security: Security): TypedObject {
  const { service, port, subset, tls, identities, isHttp2 } = security;
  const serverName = mutualTlsServerName(port.port, subset, service.host);
  switch (tls?.mode) {
    case 'DISABLE':
      return {};
    case 'SIMPLE':
    case 'MUTUAL':
      return { transport_socket: externalTls(tls, isHttp2, service.subjectAltNames) };
    case 'ISTIO_MUTUAL': {
      const own = tls.subjectAltNames ?? [];
      return {
        transport_socket: clientMutualTls({
          serverName: tls.sni ?? serverName,
          identities: own.length > 0 ? own : identities,
          isHttp2,
        }),
      };
    }
    case undefined:
      break;
  }
  switch (security.automatic) {
    case 'perEndpoint':
      return { transport_socket_matches: automaticTls({ serverName, identities, isHttp2 }) };
    case 'always':
      return { transport_socket: clientMutualTls({ serverName, identities, isHttp2 }) };
    case 'off':
      return {};
  }
}
