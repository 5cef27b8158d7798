/** The identity side of the control plane: certificate authority and join tokens as the settings say, and who may stream. */
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { formatSpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { attestFirst, type Attestor } from './ca/attestors/attestor.ts';
import { openCertificateSide, type CertificateSide } from './ca/ca.ts';
import { openFolderKeys } from './ca/folder-keys.ts';
import type { GivenAuthority } from './ca/key-store.ts';
import type { AdvertisedNames } from './ca/server-certificate.ts';
import type { SharedKeys } from './ca/shared-keys.ts';
import type { Settings } from './settings.ts';
import type { Authenticate } from './xds/provider.ts';

export type Identity = CertificateSide & Readonly<{ authenticate: Authenticate }>;

const audience = 'tulle-control-plane';

export type IdentityParts = Readonly<{
  mesh: MeshConfig;
  /** What several replicas share; null: the keys are in the data directory. */
  shared: Readonly<{ keys: SharedKeys; attestor: Attestor; serviceNames: readonly string[] }> | null;
  clock: Clock;
  logger: Logger;
}>;

/** Opens or makes the keys and writes the root for sidecars to `ca.pem` in the data directory. */
export async function openIdentity(
  settings: Settings,
  { mesh, shared, clock, logger }: IdentityParts,
): Promise<Identity> {
  const { trustDomain } = mesh;
  const folder = join(settings.dataDir, 'ca');
  const keys = shared?.keys ?? (await openFolderKeys({ folder, given: await readGiven(settings), trustDomain, clock }));
  const side = openCertificateSide({
    keys: keys.keys,
    joinTokenKey: keys.joinTokenKey,
    trustDomain,
    audience,
    advertised: advertisedNames(settings, shared?.serviceNames ?? []),
    attestors: shared === null ? [] : [shared.attestor],
    clock,
    onFailure: (message) => logger.error(message),
  });
  const writeRoots = () => writeFile(join(settings.dataDir, 'ca.pem'), side.authority.rootsPem, { mode: 0o644 });
  await writeRoots();
  side.authority.keys.subscribe(() => {
    logger.info('the certificate authority was replaced');
    writeRoots().catch((error: unknown) => logger.error({ error }, 'ca.pem cannot be written'));
  });
  return { ...side, authenticate: authenticator(side) };
}

/** Over TLS a caller must be somebody; without TLS (loopback, or asked for) nobody can be. */
function authenticator({ attestors }: CertificateSide): Authenticate {
  return async ({ metadata, peerCertificate, isEncrypted }) => {
    if (!isEncrypted) return null;
    const authorization = metadata.get('authorization')[0];
    const attested = await attestFirst(attestors, {
      authorization: typeof authorization === 'string' ? authorization : null,
      peerCertificate: peerCertificate?.raw ?? null,
    });
    if (!attested.ok) throw new MeshError('authentication', formatProblems(attested.problems));
    return {
      spiffeId: formatSpiffeId(attested.value.identity),
      method: typeof authorization === 'string' ? 'token' : 'certificate',
      pod: attested.value.pod,
    };
  };
}

async function readGiven({ caCert, caKey, caChain }: Settings): Promise<GivenAuthority | null> {
  if (caCert === null || caKey === null) return null;
  return {
    certificate: await readText('--ca-cert', caCert),
    key: new Secret(await readText('--ca-key', caKey)),
    chain: caChain === null ? undefined : await readText('--ca-chain', caChain),
  };
}

async function readText(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new MeshError('io', `${flag} ${path} cannot be read`, { cause });
  }
}

/** The server certificate names what was asked for, the address it listens on, and loopback. */
function advertisedNames(settings: Settings, serviceNames: readonly string[]): AdvertisedNames {
  const isWildcard = (name: string) => name === '0.0.0.0' || name === '::';
  const names = [
    ...new Set([...serviceNames, ...settings.advertise, settings.xdsTls.host, 'localhost', '127.0.0.1']),
  ].filter((name) => !isWildcard(name));
  return { dnsNames: names.filter((name) => isIP(name) === 0), addresses: names.filter((name) => isIP(name) !== 0) };
}
