import type { NameTest, PeerValidation, SecretReference, TlsSettings } from '../net/tls-settings.ts';
import type { DownstreamTls, SecretRef, UpstreamTls, Validation } from '../snapshot/tls-context.ts';
import { compileStringMatch } from './match.ts';

/** The configuration's TLS context in the words of the transport, with its names compiled. */
export function toTlsSettings(tls: DownstreamTls | UpstreamTls): TlsSettings {
  return {
    certificates: tls.certificates.map(toReference),
    validation: tls.validation === null ? null : toValidation(tls.validation),
    alpn: tls.alpn,
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    cipherSuites: tls.cipherSuites,
  };
}

function toValidation({ trustedCa, subjectAltNames }: Validation): PeerValidation {
  const names: NameTest[] = subjectAltNames.map(({ type, match }) => ({
    type,
    matches: compileStringMatch(match, { path: 'subject_alt_names', problems: [] }),
  }));
  if (trustedCa === null || trustedCa.kind === 'system') return { trustedCa, names };
  const reference = toReference(trustedCa);
  return {
    trustedCa: reference.kind === 'file' && reference.certificate === 'system' ? { kind: 'system' } : reference,
    names,
  };
}

/** Secrets that Istio's agent reads from files carry their paths in their names (`file-root:PATH`, `file-cert:CERT~KEY`). */
function toReference(reference: SecretRef): SecretReference {
  if (reference.kind !== 'sds') return reference;
  const [kind, ...rest] = reference.name.split(':');
  const path = rest.join(':');
  if (kind === 'file-root') return { kind: 'file', certificate: path, key: null };
  if (kind !== 'file-cert') return reference;
  const [certificate = '', key = null] = path.split('~');
  return { kind: 'file', certificate, key };
}
