import { join } from 'node:path';
import { selectPem } from '#shared/x509/pem.ts';
import { readPrivateFile, writePrivateFile } from '#shared/x509/private-file.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';

/** What is kept: a key and the chain for it, root last. */
export type KeptCertificate = Readonly<{ keyPem: string; pem: string }>;

/** Where the certificate survives a restart of the sidecar. */
export type CertificateCache = Readonly<{
  read(): Promise<KeptCertificate | null>;
  write(certificate: WorkloadCertificate): Promise<void>;
}>;

/** A cache in a folder: key and chain in one file, so that they can never be of two different renewals. */
export function folderCache(folder: string): CertificateCache {
  const path = join(folder, 'workload-certificate.pem');
  return {
    async read() {
      const text = await readPrivateFile(path);
      return text === null ? null : { keyPem: selectPem(text, 'PRIVATE KEY'), pem: selectPem(text, 'CERTIFICATE') };
    },
    write: ({ key, chainPem, rootsPem }) => writePrivateFile(path, key.reveal() + chainPem + rootsPem),
  };
}
