import { createHash, hkdfSync } from 'node:crypto';
import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FollowedObjects } from '#shared/kubernetes/follow-objects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { isMeshError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { fail, formatProblems, problem, type Result } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import { checkGivenAuthority, makeRoot, type AuthorityKeys } from './key-store.ts';

/**
 * The keys of all replicas, in a Secret of Kubernetes with the members of Istio's `cacerts`: `ca-cert.pem` and `ca-key.pem` sign,
 * `cert-chain.pem` stands between them and the root, `root-cert.pem` is whom the mesh trusts (several while roots are changed).
 * Whoever finds none makes a root; of several that do at once the API server takes one, and all use that. A change of the Secret
 * is taken up as it comes; one that makes no sense is told and the former keys stay.
 */
export type SharedKeysOptions = Readonly<{
  api: ClusterApi;
  namespace: string;
  trustDomain: string;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

export type SharedKeys = Readonly<{
  keys: Watch<AuthorityKeys>;
  /** Made of the authority's own key, so that every replica takes the tokens of every other. */
  joinTokenKey: () => Buffer;
  close(): void;
}>;

/** Name of the Secret. */
export const sharedKeysName = 'tulle-ca';

/** Opens the shared keys. Throws a MeshError: `certificate` for a Secret that is wrong, else what the API server says. */
export async function openSharedKeys(options: SharedKeysOptions): Promise<SharedKeys> {
  const { api, namespace, clock, random, onFailure } = options;
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const secret = await readOrMake(options, path);
  const first = parseSharedKeys(secret, clock.now());
  const name = `Secret ${namespace}/${sharedKeysName}`;
  if (!first.ok) throw new MeshError('certificate', `${name}: ${formatProblems(first.problems)}`);
  const keys = new WatchSource(first.value);
  const selection = { fieldSelector: `metadata.name=${sharedKeysName}` };
  const followed = await FollowedObjects.start({ api, path, selection, clock, random, onFailure });
  const take = () => {
    const current = followed.objects.current().get(`${namespace}/${sharedKeysName}`);
    if (current === undefined) return onFailure(`${name} is gone: the keys in memory are used until it is there again`);
    const next = parseSharedKeys(current, clock.now());
    if (!next.ok) onFailure(`${name} is refused, the former keys stay: ${formatProblems(next.problems)}`);
    else if (!isSame(keys.current(), next.value)) keys.set(next.value);
  };
  take();
  followed.objects.subscribe(take);
  return { keys, joinTokenKey: () => joinTokenKeyOf(keys.current()), close: () => followed.close() };
}

async function readOrMake({ api, trustDomain, clock }: SharedKeysOptions, path: string): Promise<ClusterObject> {
  const found = await api.read(`${path}/${sharedKeysName}`);
  if (found !== null) return found;
  const { keyPem, certificatePem } = makeRoot(trustDomain, clock.now());
  const data = { 'ca-cert.pem': certificatePem, 'ca-key.pem': keyPem, 'root-cert.pem': certificatePem };
  try {
    return await api.create(path, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      metadata: { name: sharedKeysName, labels: { 'app.kubernetes.io/part-of': 'tulle' } },
      data: Object.fromEntries(Object.entries(data).map(([name, pem]) => [name, Buffer.from(pem).toString('base64')])),
    });
  } catch (error) {
    if (!isMeshError(error, 'conflict')) throw error;
    const other = await api.read(`${path}/${sharedKeysName}`);
    if (other === null) throw error;
    return other;
  }
}

/** The keys in a Secret, or everything that is wrong with it; never the contents of a key. */
export function parseSharedKeys(secret: ClusterObject, now: number): Result<AuthorityKeys> {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const pem = (name: string) => {
    const value = data[name];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : '';
  };
  const missing = ['ca-cert.pem', 'ca-key.pem', 'root-cert.pem'].filter((name) => pem(name).trim() === '');
  if (missing.length > 0) return fail(missing.map((name) => problem(name, 'is missing', 'ca_secret_member')));
  const chain = `${pem('cert-chain.pem')}\n${pem('root-cert.pem')}`;
  return checkGivenAuthority({ certificate: pem('ca-cert.pem'), key: new Secret(pem('ca-key.pem')), chain }, now);
}

function isSame(a: AuthorityKeys, b: AuthorityKeys): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint({ issuer, intermediates, roots }: AuthorityKeys): string {
  const hash = createHash('sha256');
  for (const { raw } of [issuer.certificate, ...intermediates]) hash.update(raw);
  hash.update('roots');
  for (const { raw } of roots) hash.update(raw);
  return hash.digest('hex');
}

const joinTokenKeys = new WeakMap<AuthorityKeys, Buffer>();

function joinTokenKeyOf(keys: AuthorityKeys): Buffer {
  const known = joinTokenKeys.get(keys);
  if (known !== undefined) return known;
  const secret = keys.issuer.key.export({ format: 'der', type: 'pkcs8' });
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'tulle join tokens', 32));
  joinTokenKeys.set(keys, key);
  return key;
}
