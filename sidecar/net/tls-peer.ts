import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { parseCertificate, type Certificate } from '#shared/x509/certificate.ts';
import type { TlsFacts } from '../transport/transport.ts';
import type { NameTest, PeerValidation } from './tls-settings.ts';

/** Why a peer is refused; the log and `explain` tell it. */
export type PeerRefusal =
  | 'no_certificate'
  | 'unknown_ca'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_name'
  | 'bad_certificate';

/** The error of a refused peer. */
export function peerRefused(reason: PeerRefusal, message: string, options: { cause?: unknown } = {}): MeshError {
  return new MeshError('peer_identity', message, { ...options, facts: { reason } });
}

/** What Node's verification code means. */
export function explainChainError(code: string): MeshError {
  const known = chainErrors.get(code);
  if (known !== undefined) return peerRefused(known[0], `${known[1]} (${code})`);
  return peerRefused('bad_certificate', `the peer's certificate is not accepted (${code})`);
}

type Explanation = readonly [PeerRefusal, string];

const unknownCa: Explanation = [
  'unknown_ca',
  "the peer's certificate is not signed by an authority that is trusted here",
];

const chainErrors: ReadonlyMap<string, Explanation> = new Map<string, Explanation>([
  ['UNABLE_TO_GET_ISSUER_CERT', ['no_certificate', 'the peer has no certificate, or none of its chain']],
  ['UNSPECIFIED', ['no_certificate', 'the peer has no certificate']],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', unknownCa],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', unknownCa],
  ['SELF_SIGNED_CERT_IN_CHAIN', unknownCa],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', unknownCa],
  ['CERT_SIGNATURE_FAILURE', unknownCa],
  ['CERT_UNTRUSTED', unknownCa],
  ['INVALID_CA', unknownCa],
  ['CERT_HAS_EXPIRED', ['expired', "the peer's certificate has expired"]],
  ['CERT_NOT_YET_VALID', ['not_yet_valid', "the peer's certificate is not valid yet"]],
]);

/** The peer's certificate from its DER, by our own strict reader; null without one. */
export function peerCertificateOf(socket: TLSSocket): Certificate | null {
  const raw = socket.getPeerX509Certificate()?.raw;
  if (raw === undefined) return null;
  const parsed = parseCertificate(raw, 'peer certificate');
  return parsed.ok ? parsed.value : null;
}

/** Judges the names of a certificate whose chain is verified: null if one of them is acceptable, or any is. */
export function judgeNames(certificate: Certificate | null, validation: PeerValidation | null): MeshError | null {
  const tests = validation?.names ?? [];
  if (tests.length === 0) return null;
  if (certificate === null) return peerRefused('no_certificate', 'the peer has no certificate that can be read');
  if (tests.some((test) => namesOf(certificate, test.type).some((name) => test.matches(name)))) return null;
  const names = namesOf(certificate, 'any');
  return peerRefused(
    'wrong_name',
    `the peer is ${names.length === 0 ? 'without a name' : names.join(', ')}, which is not whom we want to talk to`,
  );
}

function namesOf({ names }: Certificate, type: NameTest['type']): readonly string[] {
  switch (type) {
    case 'uri':
      return names.uris;
    case 'dns':
      return names.dnsNames;
    case 'ip':
      return names.ipAddresses.map(formatAddress);
    case 'email':
      return [];
    case 'any':
      return [...names.uris, ...names.dnsNames, ...names.ipAddresses.map(formatAddress)];
  }
}

/** What is known of a finished handshake. */
export function toTlsFacts(
  socket: TLSSocket,
  certificate: Certificate | null,
  own: Readonly<{ localUriSan: string; serverName: string }>,
): TlsFacts {
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    serverName: own.serverName,
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    peerUriSans: certificate?.names.uris ?? [],
    peerDnsSans: certificate?.names.dnsNames ?? [],
    peerSubject: certificate === null ? '' : toRfc2253(certificate.x509.subject ?? ''),
    peerCertificateSha256: certificate === null ? '' : createHash('sha256').update(certificate.raw).digest('hex'),
    localUriSan: own.localUriSan,
  };
}

/** Node writes a name as lines, most significant first; RFC 2253 as a list, most significant last. */
function toRfc2253(lines: string): string {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .reverse()
    .join(',');
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(2 * n).toString(16)).join(':');
}
