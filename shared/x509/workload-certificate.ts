import type { Secret } from '#shared/runtime/secret.ts';

/** What a workload proves its identity with. Times are milliseconds since the epoch. */
export type WorkloadCertificate = Readonly<{
  /** The leaf and its intermediates, without the root. */
  chainPem: string;
  /** PKCS #8 in PEM. */
  key: Secret;
  /** The trust bundle: whom peers are judged by. */
  rootsPem: string;
  spiffeId: string;
  notBefore: number;
  notAfter: number;
  /** Lower-case hex. */
  serial: string;
}>;
