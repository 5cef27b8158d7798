/** Everything that the checks judge, read from a cluster: no decision is made here. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { authoritySecret, rootCertificateConfigMap } from '#shared/kubernetes/names.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { readManifests, type Manifest } from '../install/manifests.ts';
import { planInstall } from '../install/plan.ts';
import { servedBy } from '../install/served.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { AuthorityFacts, Facts } from './facts.ts';
import { readProxies } from './read-proxies.ts';
import { readRights } from './read-rights.ts';
import { Reader } from './reader.ts';
import { readClock, tryInjection, tryValidation } from './trials.ts';

/** What is to be checked: an installation, or whether there can be one. */
export type Subject = Readonly<{ namespace: string; isInstalled: boolean }>;

/** Reads the facts. Throws when the API server does not answer. */
export async function readFacts(cluster: Cluster, { namespace, isInstalled }: Subject): Promise<Facts> {
  const server = JSON.parse(await cluster.api.text('/version')) as { major: string; minor: string; gitVersion: string };
  const manifests = readManifests();
  const settings = { namespace, replicas: null, imageRegistry: null, image: null, sidecarImage: null };
  const plan = planInstall(
    manifests,
    { ...settings, meshConfig: null, skipDefinitions: false },
    await servedBy(cluster, manifests),
  );
  const expected = plan.stages.flatMap(({ objects }) => objects);
  const reader = new Reader(cluster);
  const [whole, own, resources] = await Promise.all([
    readCluster(reader),
    readNamespace(reader, namespace),
    readResources(reader, expected),
  ]);
  const nowMs = Date.now();
  const trials = isInstalled
    ? { injection: await tryInjection(cluster, whole.namespaces, namespace), validation: await tryValidation(cluster) }
    : { injection: notTried, validation: notTried };
  return {
    nowMs,
    version: packageJson.version,
    namespace,
    expected,
    // A minor version may be written as `29+`.
    server: { major: Number.parseInt(server.major), minor: Number.parseInt(server.minor), text: server.gitVersion },
    clockAheadMs: await readClock(cluster),
    rights: isInstalled ? [] : await readRights(cluster, expected),
    ...whole,
    ...own,
    resources,
    proxies: isInstalled
      ? await readProxies(cluster, own.deployments, whole.pods)
      : { unknown: 'nothing is installed' },
    ...trials,
    unreadable: reader.unreadable,
  };
}

const notTried = { kind: 'not-tried', message: 'nothing is installed' } as const;
const admission = 'admissionregistration.k8s.io/v1';
const rbac = 'rbac.authorization.k8s.io/v1';

async function readCluster(reader: Reader) {
  const [nodes, namespaces, pods, definitions, mutatingWebhooks, validatingWebhooks] = await Promise.all([
    reader.list('v1', 'Node'),
    reader.list('v1', 'Namespace'),
    reader.list('v1', 'Pod'),
    reader.list('apiextensions.k8s.io/v1', 'CustomResourceDefinition'),
    reader.list(admission, 'MutatingWebhookConfiguration'),
    reader.list(admission, 'ValidatingWebhookConfiguration'),
  ]);
  const [clusterRoles, clusterRoleBindings, rootCertificates] = await Promise.all([
    reader.list(rbac, 'ClusterRole'),
    reader.list(rbac, 'ClusterRoleBinding'),
    reader.list('v1', 'ConfigMap', { name: rootCertificateConfigMap.name }),
  ]);
  const webhooks = { mutatingWebhooks, validatingWebhooks };
  return { nodes, namespaces, pods, definitions, ...webhooks, clusterRoles, clusterRoleBindings, rootCertificates };
}

async function readNamespace(reader: Reader, namespace: string) {
  const range = { namespace };
  const [deployments, services, endpoints, serviceAccounts, roles] = await Promise.all([
    reader.list('apps/v1', 'Deployment', range),
    reader.list('v1', 'Service', range),
    reader.list('v1', 'Endpoints', range),
    reader.list('v1', 'ServiceAccount', range),
    reader.list(rbac, 'Role', range),
  ]);
  const [roleBindings, configMaps, leases, secrets] = await Promise.all([
    reader.list(rbac, 'RoleBinding', range),
    reader.list('v1', 'ConfigMap', range),
    reader.list('coordination.k8s.io/v1', 'Lease', range),
    reader.list('v1', 'Secret', { namespace, name: authoritySecret.name }),
  ]);
  const [secret] = secrets;
  const authority = secret === undefined ? null : authorityOf(secret);
  return { deployments, services, endpoints, serviceAccounts, roles, roleBindings, configMaps, leases, authority };
}

type Definition = Readonly<{
  group: string;
  names: Readonly<{ kind: string }>;
  versions: readonly Readonly<{ name: string; storage: boolean }>[];
}>;

async function readResources(reader: Reader, expected: readonly Manifest[]): Promise<readonly ClusterObject[]> {
  const definitions = expected.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const lists = definitions.map((definition) => {
    const { group, names, versions } = definition['spec'] as Definition;
    return reader.list(`${group}/${versions.find(({ storage }) => storage)?.name ?? ''}`, names.kind);
  });
  return (await Promise.all([reader.list('v1', 'Service'), ...lists])).flat();
}

/** The certificates of the Secret; of the key only whether it is theirs. */
export function authorityOf(secret: ClusterObject): AuthorityFacts {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  const textOf = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const { certificate, key, root } = authoritySecret;
  const missingKeys = [certificate, key, root].filter((name) => textOf(name).trim() === '');
  return {
    certificate: textOf(certificate),
    root: textOf(root),
    missingKeys,
    isKeyOfCertificate: missingKeys.includes(key) ? null : isKeyOf(textOf(certificate), textOf(key)),
  };
}

function isKeyOf(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
