import { readFile } from 'node:fs/promises';
import { createCertificate } from '#shared/certificates/create-certificate.ts';
import { isMeshError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Secret } from '#shared/runtime/secret.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { CertificateSource } from './agent.ts';

/** A token to be known by, as long as there is no certificate. A file is read anew each time, for it is rotated. */
export type TokenSource = Readonly<{ kind: 'value'; token: Secret }> | Readonly<{ kind: 'file'; path: string }>;

/** How the control plane is reached. */
export type CertificateClientOptions = Readonly<{
  /** `host:port`. */
  address: string;
  /** The root that the control plane's certificate is judged by, in PEM; read anew each time. */
  caFile: string;
  /** The name in the control plane's certificate, if it is not the address's host. */
  serverName?: string | undefined;
  token: TokenSource | null;
  /** The life to ask for; 0: the authority's default. */
  ttlMs?: number | undefined;
  timeoutMs?: number | undefined;
}>;

const defaultTimeoutMs = 10_000;

/**
 * Certificates from the control plane over TLS. Once there is a certificate it is what the caller is known by; if the
 * control plane does not take it (its root was replaced), the token is tried.
 */
export function certificateClient(options: CertificateClientOptions): CertificateSource {
  return {
    async request(csr, current, signal) {
      if (current !== null) {
        try {
          return await call(options, { csr, current, token: undefined, signal });
        } catch (error) {
          if (options.token === null || !isMeshError(error, 'authentication')) throw error;
        }
      }
      const token = options.token === null ? undefined : await readToken(options.token);
      if (token === undefined)
        throw new MeshError('authentication', 'neither a certificate nor a token to be known by');
      return await call(options, { csr, current: null, token, signal });
    },
  };
}

type Attempt = Readonly<{
  csr: string;
  current: WorkloadCertificate | null;
  token: string | undefined;
  signal: AbortSignal;
}>;

async function call(options: CertificateClientOptions, attempt: Attempt): Promise<readonly string[]> {
  const { address, serverName, ttlMs = 0, timeoutMs = defaultTimeoutMs } = options;
  const { csr, token, signal, current } = attempt;
  const target = { address, serverName, rootsPem: await readText(options.caFile), own: current };
  return createCertificate({ target, token, csr, validityMs: ttlMs, timeoutMs, signal });
}

async function readToken(source: TokenSource): Promise<string> {
  return source.kind === 'value' ? source.token.reveal() : (await readText(source.path)).trim();
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new MeshError('io', `cannot read ${path}`, { cause: error, facts: { path } });
  }
}
