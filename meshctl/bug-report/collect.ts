/** What goes into a bug report, read from a cluster. Nothing that is missing stops it: the report says what could not be had. */
import { stringify } from 'yaml';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { containerNames, controlPlaneName, controlPlanePorts, sidecarPorts } from '#shared/kubernetes/names.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { checksAfter } from '../check/checks.ts';
import type { Facts } from '../check/facts.ts';
import { isAlive, isInjected } from '../check/injection.ts';
import { formatFindings } from '../check/report.ts';
import { runChecks } from '../check/verdict.ts';
import { whyNotReady } from '../install/workload.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { redactObject, redactText } from './redact.ts';
import type { ArchiveFile } from './tar.ts';

const logLines = 2000;
const controlPlanePages = ['version', 'api/v1/proxies', 'api/v1/resources', 'metrics'];
const proxyPages = ['config_dump', 'clusters', 'listeners', 'stats', 'server_info'];

/** The files of a report. Every text has passed the redaction. */
export async function collect(cluster: Cluster, facts: Facts, mostProxies: number): Promise<readonly ArchiveFile[]> {
  const findings = runChecks(checksAfter, facts);
  const own = facts.pods.filter(({ metadata }) => metadata.namespace === facts.namespace);
  const injected = injectedFirst(facts).slice(0, mostProxies);
  const files = [
    { path: 'versions.yaml', content: stringify(versionsOf(facts)) },
    { path: 'check.txt', content: formatFindings(findings, false) },
    { path: 'check.json', content: `${JSON.stringify(findings, null, 2)}\n` },
    ...objectsOf(facts),
    ...(await Promise.all(own.map((pod) => ofControlPlane(cluster, pod)))).flat(),
    ...(await Promise.all(injected.map((pod) => ofProxy(cluster, pod)))).flat(),
  ];
  return files.map(({ path, content }) => ({ path, content: redactText(content) }));
}

/** Those that are not ready are the more telling ones. */
function injectedFirst({ pods }: Facts): readonly ClusterObject[] {
  const all = pods.filter((pod) => isAlive(pod) && isInjected(pod));
  return [...all.filter((pod) => whyNotReady(pod) !== null), ...all.filter((pod) => whyNotReady(pod) === null)];
}

type NodeStatus = Readonly<{ nodeInfo?: object }>;

function versionsOf({ version, server, nodes, namespace, pods }: Facts): object {
  return {
    meshctl: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    kubernetes: server.text,
    namespace,
    nodes: nodes.map((node) => ({ name: node.metadata.name, ...((node['status'] ?? {}) as NodeStatus).nodeInfo })),
    pods: pods.length,
    injected: pods.filter(isInjected).length,
  };
}

/** The objects of the mesh as YAML, one file a kind. Pods of applications only by what concerns the mesh. */
function objectsOf(facts: Facts): readonly ArchiveFile[] {
  const { definitions, expected } = facts;
  const known = new Set(expected.map(({ metadata }) => metadata.name));
  const lists: Readonly<Record<string, readonly ClusterObject[]>> = {
    'mutating-webhooks': facts.mutatingWebhooks,
    'validating-webhooks': facts.validatingWebhooks,
    'cluster-roles': facts.clusterRoles.filter(({ metadata }) => known.has(metadata.name)),
    'cluster-role-bindings': facts.clusterRoleBindings.filter(({ metadata }) => known.has(metadata.name)),
    namespaces: facts.namespaces,
    nodes: facts.nodes,
    deployments: facts.deployments,
    services: facts.services,
    endpoints: facts.endpoints,
    roles: facts.roles,
    'role-bindings': facts.roleBindings,
    'config-maps': facts.configMaps,
    leases: facts.leases,
    'root-certificates': facts.rootCertificates,
    resources: facts.resources,
    definitions: definitions.filter(({ metadata }) => known.has(metadata.name)).map(withoutSchemas),
    pods: facts.pods.filter((pod) => pod.metadata.namespace === facts.namespace || isInjected(pod)),
  };
  return Object.entries(lists).map(([name, objects]) => ({
    path: `objects/${name}.yaml`,
    content: objects.map((object) => `---\n${stringify(redactObject(withoutManagers(object)))}`).join(''),
  }));
}

const withoutManagers = (object: ClusterObject) => ({
  ...object,
  metadata: { ...object.metadata, managedFields: undefined },
});

function withoutSchemas(definition: ClusterObject): ClusterObject {
  const spec = definition['spec'] as Readonly<{ versions: readonly object[] }>;
  return {
    ...definition,
    spec: { ...spec, versions: spec.versions.map((version) => ({ ...version, schema: undefined })) },
  };
}

async function ofControlPlane({ api }: Cluster, { metadata }: ClusterObject): Promise<readonly ArchiveFile[]> {
  const { namespace = '', name } = metadata;
  const pod = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const folder = `control-plane/${name}`;
  const isOurs = metadata.labels?.['app.kubernetes.io/name'] === controlPlaneName;
  return Promise.all([
    fetched(api, `${folder}/log.txt`, `${pod}/log?tailLines=${logLines}`),
    fetched(api, `${folder}/log-previous.txt`, `${pod}/log?tailLines=${logLines}&previous=true`),
    ...(isOurs
      ? controlPlanePages.map((page) =>
          fetched(api, `${folder}/${page.replaceAll('/', '-')}.txt`, `${pod}:${controlPlanePorts.admin}/proxy/${page}`),
        )
      : []),
  ]);
}

async function ofProxy({ api }: Cluster, { metadata }: ClusterObject): Promise<readonly ArchiveFile[]> {
  const { namespace = '', name } = metadata;
  const pod = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const folder = `proxies/${namespace}/${name}`;
  return Promise.all([
    ...Object.values(containerNames).map((container) =>
      fetched(api, `${folder}/${container}.txt`, `${pod}/log?container=${container}&tailLines=${logLines}`),
    ),
    ...proxyPages.map((page) => fetched(api, `${folder}/${page}.txt`, `${pod}:${sidecarPorts.admin}/proxy/${page}`)),
  ]);
}

/** What a path answers, without secrets; else why there is nothing. */
async function fetched(api: Cluster['api'], path: string, from: string): Promise<ArchiveFile> {
  try {
    return { path, content: redactJson(await api.text(from)) };
  } catch (error) {
    if (!isMeshError(error)) throw error;
    return { path, content: `not to be had: ${describeError(error)}\n` };
  }
}

/** JSON by its members, other texts by patterns later on. */
function redactJson(text: string): string {
  try {
    return `${JSON.stringify(redactObject(JSON.parse(text)), null, 2)}\n`;
  } catch {
    return text;
  }
}
