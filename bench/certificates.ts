import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aRoot, aWorkloadLeaf } from '../test/support/certificates.ts';

/** Where the certificates of a bench are: P-256, made for it and gone with its folder. */
export type CertificateFiles = Readonly<{
  ca: string;
  /** `a` calls, `b` is called. `pem`: certificate and key in one file, as haproxy wants them. */
  a: Readonly<{ certificate: string; key: string; pem: string }>;
  b: Readonly<{ certificate: string; key: string; pem: string }>;
}>;

/** The identity of the calling side. */
export const callerId = 'spiffe://cluster.local/ns/default/sa/a';
/** The identity of the called side. */
export const calleeId = 'spiffe://cluster.local/ns/default/sa/b';

/** Makes a root and two workload certificates in a folder. */
export function makeCertificates(folder: string): CertificateFiles {
  const root = aRoot();
  const ca = join(folder, 'ca.crt');
  writeFileSync(ca, root.pem);
  const leaf = (name: string, spiffeId: string) => {
    const { pem, keyPem } = aWorkloadLeaf(root, { spiffeId });
    const files = {
      certificate: join(folder, `${name}.crt`),
      key: join(folder, `${name}.key`),
      pem: join(folder, `${name}.pem`),
    };
    writeFileSync(files.certificate, pem);
    writeFileSync(files.key, keyPem, { mode: 0o600 });
    writeFileSync(files.pem, pem + keyPem, { mode: 0o600 });
    return files;
  };
  return { ca, a: leaf('a', callerId), b: leaf('b', calleeId) };
}
