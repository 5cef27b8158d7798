import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import type { ClientTls } from '../traffic-policy.ts';
import { compact, nonEmpty, typed } from '../typed-builder.ts';

const tls = 'envoy.extensions.transport_sockets.tls.v3';

/** Where secrets come from: the proxy's own agent, by the cluster `sds-grpc` of its bootstrap. */
const sdsConfig: TypedObject = {
  api_config_source: {
    api_type: 'GRPC',
    grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
    set_node_on_first_message_only: true,
    transport_api_version: 'V3',
  },
  initial_fetch_timeout: '0s',
  resource_api_version: 'V3',
};

const serverCiphers = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
];

const tlsVersions = { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' };

/** Plaintext. */
export const rawBuffer: TypedObject = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'),
};

/** Mutual TLS as a server: certificate and roots from the agent, a client certificate of the trust domain required. */
export function serverMutualTls(trustDomain: string): TypedObject {
  return tlsSocket('DownstreamTlsContext', {
    common_tls_context: {
      tls_params: { ...tlsVersions, cipher_suites: serverCiphers },
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificate_sds_secret_configs: [secret('default')],
      combined_validation_context: {
        default_validation_context: { match_subject_alt_names: [{ prefix: `spiffe://${trustDomain}/` }] },
        validation_context_sds_secret_config: secret('ROOTCA'),
      },
    },
    require_client_certificate: true,
  });
}

/** What a client's side of mutual TLS within the mesh says and checks. */
export type MeshTls = Readonly<{ serverName: string; identities: readonly string[]; isHttp2: boolean }>;

/** Mutual TLS within the mesh as a client: the server must have one of the identities, any of the mesh if none is named. */
export function clientMutualTls({ serverName, identities, isHttp2 }: MeshTls): TypedObject {
  return tlsSocket('UpstreamTlsContext', {
    common_tls_context: {
      tls_params: tlsVersions,
      alpn_protocols: isHttp2 ? ['istio', 'h2'] : ['istio'],
      tls_certificate_sds_secret_configs: [secret('default')],
      combined_validation_context: {
        default_validation_context: compact({ match_subject_alt_names: nonEmpty(identities.map(exact)) }),
        validation_context_sds_secret_config: secret('ROOTCA'),
      },
    },
    sni: serverName,
  });
}

/** Mutual TLS for the endpoints that take it, plaintext for the others. */
export function automaticTls(meshTls: MeshTls): readonly TypedObject[] {
  return [
    { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transport_socket: clientMutualTls(meshTls) },
    { name: 'tlsMode-disabled', match: {}, transport_socket: rawBuffer },
  ];
}

/**
 * TLS to a server outside the mesh, with a client certificate under `MUTUAL`. Files are read by the agent, which serves them
 * under the names `file-root:PATH` (`file-root:system`: the roots of the machine) and `file-cert:CERTIFICATE~KEY`.
 */
export function externalTls(settings: ClientTls, isHttp2: boolean, subjectAltNames: readonly string[]): TypedObject {
  const names = settings.subjectAltNames ?? subjectAltNames;
  const validation: Record<string, TypedValue> =
    settings.insecureSkipVerify === true
      ? { validation_context: {} }
      : {
          combined_validation_context: {
            default_validation_context: compact({ match_subject_alt_names: nonEmpty(names.map(exact)) }),
            validation_context_sds_secret_config: secret(`file-root:${settings.caCertificates ?? 'system'}`),
          },
        };
  return tlsSocket('UpstreamTlsContext', {
    common_tls_context: compact({
      tls_params: tlsVersions,
      alpn_protocols: isHttp2 ? ['h2'] : undefined,
      tls_certificate_sds_secret_configs:
        settings.mode === 'MUTUAL'
          ? [secret(`file-cert:${settings.clientCertificate ?? ''}~${settings.privateKey ?? ''}`)]
          : undefined,
      ...validation,
    }),
    ...(settings.sni === undefined ? {} : { sni: settings.sni }),
  });
}

function tlsSocket(context: string, fields: TypedObject): TypedObject {
  return { name: 'envoy.transport_sockets.tls', typed_config: typed(`${tls}.${context}`, fields) };
}

function secret(name: string): TypedObject {
  return { name, sds_config: sdsConfig };
}

function exact(name: string): TypedObject {
  return { exact: name };
}
