/** The identity side of the control plane: authority, join tokens, attestors, server certificate. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { ServerCredentials } from '@grpc/grpc-js';
import type { CertificateHandler } from '#shared/certificates/serve-certificates.ts';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { formatSpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { attestFirst } from './ca/attestors/attestor.ts';
import { clientCertificateAttestor } from './ca/attestors/client-certificate.ts';
import { joinTokenAttestor } from './ca/attestors/join-token.ts';
import { Authority } from './ca/authority.ts';
import { certificateHandler } from './ca/certificate-service.ts';
import { followServerCredential } from './ca/grpc-server-credentials.ts';
import { JoinTokens, openJoinTokenKey } from './ca/join-token.ts';
import { checkGivenAuthority, openOwnRoot, type AuthorityKeys } from './ca/key-store.ts';
import { ServerCertificate } from './ca/server-certificate.ts';
import type { Settings } from './settings.ts';
import type { Authenticate } from './xds/provider.ts';

export type Identity = Readonly<{
  authority: Authority;
  tokens: JoinTokens;
  certificates: CertificateHandler;
  authenticate: Authenticate;
  serverCredentials: ServerCredentials;
  close: () => void;
}>;

const audience = 'tulle-control-plane';

/** Opens or makes the keys in the data directory and starts the server certificate's renewal. */
export async function openIdentity(
  settings: Settings,
  mesh: MeshConfig,
  clock: Clock,
  logger: Logger,
): Promise<Identity> {
  const { trustDomain } = mesh;
  const keys = await openKeys(settings, trustDomain, clock);
  const authority = new Authority({ keys, trustDomain, clock });
  const tokens = new JoinTokens({ key: await openJoinTokenKey(settings.dataDir), trustDomain, audience, clock });
  const attestors = [joinTokenAttestor(tokens), clientCertificateAttestor({ keys, trustDomain, clock })];
  const advertised = advertisedNames(settings);
  const server = new ServerCertificate(authority, advertised, clock, (message) => logger.error(message));
  return {
    authority,
    tokens,
    certificates: certificateHandler(authority, attestors),
    authenticate: async (metadata, certificate) => {
      const authorization = metadata.get('authorization')[0];
      const identity = await attestFirst(attestors, {
        authorization: typeof authorization === 'string' ? authorization : null,
        peerCertificate: certificate?.raw ?? null,
      });
      if (identity.ok) return { spiffeId: formatSpiffeId(identity.value), method: 'attested' };
      throw new MeshError('authentication', formatProblems(identity.problems));
    },
    serverCredentials: followServerCredential(server.credentials),
    close: () => server.close(),
  };
}

async function openKeys(settings: Settings, trustDomain: string, clock: Clock): Promise<AuthorityKeys> {
  const { caCert, caKey, caChain, dataDir } = settings;
  if (caCert === null || caKey === null) return openOwnRoot(join(dataDir, 'ca'), trustDomain, clock);
  const given = checkGivenAuthority(
    {
      certificate: await readFile(caCert, 'utf8'),
      key: new Secret(await readFile(caKey, 'utf8')),
      chain: caChain === null ? undefined : await readFile(caChain, 'utf8'),
    },
    clock.now(),
  );
  if (!given.ok) throw new MeshError('certificate', `--ca-cert ${caCert}: ${formatProblems(given.problems)}`);
  return given.value;
}

/** The server certificate names what was asked for, the address it listens on, and loopback. */
function advertisedNames(settings: Settings): { dnsNames: readonly string[]; addresses: readonly string[] } {
  const isWildcard = (name: string) => name === '0.0.0.0' || name === '::';
  const names = new Set(
    [...settings.advertise, settings.xdsTls.host, 'localhost', '127.0.0.1'].filter((name) => !isWildcard(name)),
  );
  return {
    dnsNames: [...names].filter((name) => isIP(name) === 0),
    addresses: [...names].filter((name) => isIP(name) !== 0),
  };
}
