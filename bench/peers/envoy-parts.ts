/** What several parts of an Envoy configuration are made of. */
import type { Hop, PairScope } from './pair.ts';

/** Where the names of Envoy's message types begin. */
export const types = 'type.googleapis.com/envoy.';

/** An extension: its name and configuration. */
export function named(name: string, typedConfig: object): unknown {
  return { name, typed_config: typedConfig };
}

/** A socket's address. */
export function address(host: string, port: number): unknown {
  return { socket_address: { address: host, port_value: port } };
}

/** TLS 1.3 with a certificate of its own and the mesh's root, and the protocol that the wire asks for. */
export function tlsContext(hop: Hop, { certificates, wire }: PairScope): unknown {
  const { certificate, key } = hop === 'out' ? certificates.a : certificates.b;
  const protocols = { http1: ['http/1.1'], mux: ['h2'], h2: ['h2'], tcp: [] }[wire];
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    ...(protocols.length > 0 ? { alpn_protocols: protocols } : {}),
    tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: certificates.ca } },
  };
}
