/** The object identifiers that certificates and requests are made of, in dotted form. */
export const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
  rsaEncryption: '1.2.840.113549.1.1.1',
  ecPublicKey: '1.2.840.10045.2.1',
} as const;

/** The named curves that are taken, by identifier. */
export const curves: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
};

/** A signature algorithm that is taken: SHA-2 with an elliptic curve or with RSA (PKCS #1 v1.5). */
export type SignatureAlgorithm = Readonly<{ oid: string; hash: 'sha256' | 'sha384' | 'sha512'; family: 'ec' | 'rsa' }>;

/** The signature algorithms that are taken. What is not here (SHA-1, MD5, PSS) is refused by name. */
export const signatureAlgorithms: readonly SignatureAlgorithm[] = [
  { oid: '1.2.840.10045.4.3.2', hash: 'sha256', family: 'ec' },
  { oid: '1.2.840.10045.4.3.3', hash: 'sha384', family: 'ec' },
  { oid: '1.2.840.10045.4.3.4', hash: 'sha512', family: 'ec' },
  { oid: '1.2.840.113549.1.1.11', hash: 'sha256', family: 'rsa' },
  { oid: '1.2.840.113549.1.1.12', hash: 'sha384', family: 'rsa' },
  { oid: '1.2.840.113549.1.1.13', hash: 'sha512', family: 'rsa' },
];
