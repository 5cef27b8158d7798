import type { StringMatch } from './matchers.ts';

/** Where a certificate, key or bundle comes from. `sds` is answered by the identity agent (`default`, `ROOTCA`) or by SDS. */
export type SecretRef =
  | Readonly<{ kind: 'sds'; name: string }>
  | Readonly<{ kind: 'file'; certificate: string; key: string | null }>
  | Readonly<{ kind: 'inline'; certificate: string; key: string | null }>;

/** How the peer's certificate is judged. No `trustedCa`: any certificate is taken. */
export type Validation = Readonly<{
  trustedCa: SecretRef | Readonly<{ kind: 'system' }> | null;
  /** At least one SAN must match one of these, if there are any. */
  subjectAltNames: readonly Readonly<{ type: 'uri' | 'dns' | 'email' | 'ip' | 'any'; match: StringMatch }>[];
}>;

type TlsCommon = Readonly<{
  certificates: readonly SecretRef[];
  validation: Validation | null;
  alpn: readonly string[];
  minVersion: 'TLSv1.2' | 'TLSv1.3';
  maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL names; empty: the defaults. */
  cipherSuites: readonly string[];
}>;

export type DownstreamTls = TlsCommon & Readonly<{ kind: 'downstream'; requireClientCertificate: boolean }>;

export type UpstreamTls = TlsCommon & Readonly<{ kind: 'upstream'; sni: string | null; autoHostSni: boolean }>;
