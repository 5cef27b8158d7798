import type { ServerCredentials, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { certificateServiceImplementation } from '#shared/certificates/serve-certificates.ts';
import { certificateService } from '#shared/certificates/service-definition.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Attestor } from './attestors/attestor.ts';
import { clientCertificateAttestor } from './attestors/client-certificate.ts';
import { joinTokenAttestor } from './attestors/join-token.ts';
import { Authority } from './authority.ts';
import { certificateHandler } from './certificate-service.ts';
import { followServerCredential } from './grpc-server-credentials.ts';
import { JoinTokens } from './join-token.ts';
import type { AuthorityKeys } from './key-store.ts';
import { ServerCertificate, type AdvertisedNames } from './server-certificate.ts';

/** What the certificate side of a control plane is made of. */
export type CertificateSideOptions = Readonly<{
  /** What the authority signs with, wherever it is kept. */
  keys: Watch<AuthorityKeys>;
  /** The key of the join tokens. */
  joinTokenKey: () => Buffer;
  trustDomain: string;
  /** Whom join tokens are for. */
  audience: string;
  advertised: AdvertisedNames;
  /** Further ways of knowing callers (Kubernetes tokens), asked after join tokens and before certificates. */
  attestors?: readonly Attestor[] | undefined;
  clock: Clock;
  /** Told of what goes wrong without a caller to tell. */
  onFailure: (message: string) => void;
}>;

/** The certificate side, open: parts for the composition root to put on its servers. */
export type CertificateSide = Readonly<{
  authority: Authority;
  joinTokens: JoinTokens;
  /** All ways of knowing callers, for other services on the same server. */
  attestors: readonly Attestor[];
  serverCertificate: ServerCertificate;
  /** For `server.bindAsync`: follows the server certificate. */
  serverCredentials: ServerCredentials;
  /** For `server.addService`. */
  service: Readonly<{ definition: ServiceDefinition; implementation: UntypedServiceImplementation }>;
  close(): void;
}>;

/** Wires authority, attestors and service. */
export function openCertificateSide(options: CertificateSideOptions): CertificateSide {
  const { keys, joinTokenKey, trustDomain, audience, clock, onFailure } = options;
  const joinTokens = new JoinTokens({ key: joinTokenKey, trustDomain, audience, clock });
  const authority = new Authority({ keys, trustDomain, clock });
  const attestors = [
    joinTokenAttestor(joinTokens),
    ...(options.attestors ?? []),
    clientCertificateAttestor({ keys, trustDomain, clock }),
  ];
  const serverCertificate = new ServerCertificate(authority, options.advertised, clock, onFailure);
  const implementation = certificateServiceImplementation(certificateHandler(authority, attestors), (error) =>
    onFailure(`CreateCertificate failed: ${describeError(error)}`),
  );
  return {
    authority,
    joinTokens,
    attestors,
    serverCertificate,
    serverCredentials: followServerCredential(serverCertificate.credentials),
    service: { definition: certificateService, implementation },
    close: () => serverCertificate.close(),
  };
}
