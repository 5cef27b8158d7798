/**
 * What a TLS handshake needs, in the words of this layer. The configuration's types carry the same with string matchers, which
 * the layers above compile.
 */

/** Where a certificate with its key, or a bundle of authorities, comes from. */
export type SecretReference =
  | Readonly<{ kind: 'sds'; name: string }>
  | Readonly<{ kind: 'file' | 'inline'; certificate: string; key: string | null }>;

/** One acceptable name of the peer. */
export type NameTest = Readonly<{
  type: 'uri' | 'dns' | 'email' | 'ip' | 'any';
  matches: (name: string) => boolean;
}>;

/** How the peer is judged: its chain by these authorities, and one of its names by these tests, if there are any. */
export type PeerValidation = Readonly<{
  /** Null: any certificate is taken. */
  trustedCa: SecretReference | Readonly<{ kind: 'system' }> | null;
  names: readonly NameTest[];
}>;

/** What both ends share. */
export type TlsSettings = Readonly<{
  certificates: readonly SecretReference[];
  validation: PeerValidation | null;
  alpn: readonly string[];
  minVersion: 'TLSv1.2' | 'TLSv1.3';
  maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL names of TLS 1.2 suites; empty: the defaults. */
  cipherSuites: readonly string[];
}>;

/** The accepting end. */
export type ServerTls = TlsSettings & Readonly<{ requireClientCertificate: boolean }>;

/** AES-128-GCM first: it is the fastest where the processor has AES, and everybody has it. */
const suites13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const suites12 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/** The suites as OpenSSL wants them; those of TLS 1.3 are never configured. */
export function toCipherList(configured: readonly string[]): string {
  return [...suites13, ...(configured.length > 0 ? configured : suites12)].join(':');
}
