import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';

/** How a gRPC server is reached over TLS. */
export type TlsTarget = Readonly<{
  /** `host:port`. */
  address: string;
  /** Whom the server's certificate is judged by, in PEM. */
  rootsPem: string;
  /** The name that the server's certificate must bear, if it is not the address's host. */
  serverName?: string | undefined;
  /** What this side is known by, if it has a certificate. */
  own: Pick<WorkloadCertificate, 'chainPem' | 'key'> | null;
}>;

/** No name at all can be sent where the host is an address: RFC 6066 allows names only, and Node throws. */
const placeholder = 'address.invalid';

/**
 * Credentials and options for a grpc-js client. grpc-js sends the target's host as the TLS server name, which Node
 * refuses for an address; so with an address a placeholder is sent, and the certificate is checked for the address.
 */
export function tlsChannel(target: TlsTarget): Readonly<{ credentials: ChannelCredentials; options: ChannelOptions }> {
  const name = target.serverName ?? hostOf(target.address);
  const isAddress = isIP(name) !== 0;
  const roots = Buffer.from(target.rootsPem);
  const [key, chain] =
    target.own === null ? [] : [Buffer.from(target.own.key.reveal()), Buffer.from(target.own.chainPem)];
  return {
    credentials: credentials.createSsl(roots, key, chain, {
      checkServerIdentity: (_sent, certificate) => checkServerIdentity(name, certificate),
    }),
    options: { 'grpc.ssl_target_name_override': isAddress ? placeholder : name },
  };
}

/** The host of `host:port`, an IPv6 address without its brackets. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
