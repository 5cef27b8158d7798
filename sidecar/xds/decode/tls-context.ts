import type { DownstreamTls, SecretRef, UpstreamTls, Validation } from '../../snapshot/tls-context.ts';
import { decodeStringMatch } from './matchers.ts';
import type { Reader } from './reader.ts';

const tlsType = 'envoy.extensions.transport_sockets.tls.v3.';

/** The transport socket of a filter chain; null on plaintext. */
export function decodeDownstreamTransport(socket: Reader | null): DownstreamTls | null {
  const config = openTransport(socket);
  if (config === null) return null;
  if (config.type !== `${tlsType}DownstreamTlsContext`) {
    config.refuse('', `transport socket of type ${config.type} is not supported here`);
    return null;
  }
  const common = decodeCommon(config.message('common_tls_context'), config);
  const requireClientCertificate = config.bool('require_client_certificate');
  config
    .ignore('session_timeout', 'disable_stateless_session_resumption', 'ocsp_staple_policy', 'prefer_client_ciphers')
    .done();
  return { kind: 'downstream', ...common, requireClientCertificate };
}

/** The transport socket of a cluster. */
export function decodeUpstreamTransport(socket: Reader | null): Readonly<{ kind: 'plaintext' }> | UpstreamTls {
  const config = openTransport(socket);
  if (config === null) return { kind: 'plaintext' };
  if (config.type !== `${tlsType}UpstreamTlsContext`) {
    config.refuse('', `transport socket of type ${config.type} is not supported here`);
    return { kind: 'plaintext' };
  }
  const common = decodeCommon(config.message('common_tls_context'), config);
  const sni = config.string('sni');
  const autoHostSni = config.bool('auto_host_sni');
  config.ignore('max_session_keys', 'auto_sni_san_validation', 'enforce_rsa_key_usage').done();
  return { kind: 'upstream', ...common, sni: sni === '' ? null : sni, autoHostSni };
}

/** The typed configuration of a transport socket, or null for none and raw buffers. */
function openTransport(socket: Reader | null): Reader | null {
  if (socket === null) return null;
  const name = socket.string('name');
  const config = socket.message('typed_config');
  socket.done();
  if (config === null) {
    if (name !== 'envoy.transport_sockets.raw_buffer') socket.refuse('typed_config', 'is needed');
    return null;
  }
  return config.type === 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' ? null : config;
}

const versions = { TLS_AUTO: null, TLSv1_2: 'TLSv1.2', TLSv1_3: 'TLSv1.3' } as const;

function decodeVersion(params: Reader | null, field: string, otherwise: 'TLSv1.2' | 'TLSv1.3'): 'TLSv1.2' | 'TLSv1.3' {
  const name = params?.string(field, 'TLS_AUTO') ?? 'TLS_AUTO';
  const known = Object.entries(versions).find(([key]) => key === name);
  if (known === undefined) params?.refuse(field, 'must be TLSv1_2 or TLSv1_3: older versions are not spoken');
  return known?.[1] ?? otherwise;
}

function decodeCommon(reader: Reader | null, parent: Reader) {
  if (reader === null) parent.refuse('common_tls_context', 'is needed');
  const params = reader?.message('tls_params') ?? null;
  const certificates = [
    ...(reader?.messages('tls_certificate_sds_secret_configs') ?? []).map(decodeSds),
    ...(reader?.messages('tls_certificates') ?? []).map(decodeCertificate),
  ];
  const common = {
    certificates,
    validation: reader === null ? null : decodeValidation(reader),
    alpn: reader?.strings('alpn_protocols') ?? [],
    minVersion: decodeVersion(params, 'tls_minimum_protocol_version', 'TLSv1.2'),
    maxVersion: decodeVersion(params, 'tls_maximum_protocol_version', 'TLSv1.3'),
    cipherSuites: params?.strings('cipher_suites') ?? [],
  };
  params?.ignore('ecdh_curves', 'signature_algorithms').done();
  reader?.done();
  return common;
}

function decodeSds(reader: Reader): SecretRef {
  const name = reader.string('name');
  reader.ignore('sds_config').done();
  return { kind: 'sds', name };
}

function decodeCertificate(reader: Reader): SecretRef {
  const chain = decodeDataSource(reader.message('certificate_chain'), reader, 'certificate_chain');
  const key = decodeDataSource(reader.message('private_key'), reader, 'private_key');
  reader.done();
  if (chain.kind !== key.kind) reader.refuse('', 'certificate chain and key must come from the same kind of source');
  return { kind: chain.kind, certificate: chain.value, key: key.value };
}

type Source = Readonly<{ kind: 'file' | 'inline'; value: string }>;

/** `envoy.config.core.v3.DataSource`. */
function decodeDataSource(reader: Reader | null, parent: Reader, field: string): Source {
  if (reader === null) {
    parent.refuse(field, 'is needed');
    return { kind: 'inline', value: '' };
  }
  const source: Source = reader.has('filename')
    ? { kind: 'file', value: reader.string('filename') }
    : reader.has('inline_bytes')
      ? { kind: 'inline', value: Buffer.from(reader.string('inline_bytes'), 'base64').toString('utf8') }
      : { kind: 'inline', value: reader.string('inline_string') };
  reader.done();
  return source;
}

function decodeValidation(reader: Reader): Validation | null {
  const combined = reader.message('combined_validation_context');
  const sds = (combined ?? reader).message('validation_context_sds_secret_config');
  const plain =
    combined === null ? reader.message('validation_context') : combined.message('default_validation_context');
  combined?.done();
  if (sds === null && plain === null) return null;
  const fromPlain = plain === null ? { trustedCa: null, subjectAltNames: [] } : decodeValidationContext(plain);
  return { ...fromPlain, trustedCa: sds === null ? fromPlain.trustedCa : decodeSds(sds) };
}

function decodeValidationContext(reader: Reader): Validation {
  const ca = reader.message('trusted_ca');
  const source = ca === null ? null : decodeDataSource(ca, reader, 'trusted_ca');
  const system = reader.message('system_root_certs');
  const untyped = reader
    .messages('match_subject_alt_names')
    .map((match) => ({ type: 'any' as const, match: decodeStringMatch(match) }));
  const typed = reader.messages('match_typed_subject_alt_names').map(decodeTypedSan);
  reader.ignore('trust_chain_verification').done();
  return {
    trustedCa:
      system !== null
        ? { kind: 'system' }
        : source === null
          ? null
          : { kind: source.kind, certificate: source.value, key: null },
    subjectAltNames: [...untyped, ...typed],
  };
}

function decodeTypedSan(reader: Reader): Validation['subjectAltNames'][number] {
  const types = { URI: 'uri', DNS: 'dns', EMAIL: 'email', IP_ADDRESS: 'ip' } as const;
  const name = reader.string('san_type');
  const type = Object.entries(types).find(([key]) => key === name)?.[1];
  if (type === undefined) reader.refuse('san_type', 'must be URI, DNS, EMAIL or IP_ADDRESS');
  const matcher = reader.message('matcher');
  if (matcher === null) reader.refuse('matcher', 'is needed');
  reader.done();
  return {
    type: type ?? 'uri',
    match: matcher === null ? { kind: 'exact', value: '', ignoreCase: false } : decodeStringMatch(matcher),
  };
}
