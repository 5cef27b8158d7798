import { defaultMeshConfig, type MeshConfig } from '#shared/model/mesh-config.ts';
import type { Metadata } from '#shared/model/metadata.ts';
import type { Resource } from '#shared/model/resource.ts';
import { parseAllDocuments } from 'yaml';
import { toMeshResources } from './mesh-resources.ts';
import type { MeshResources, ProxyNode } from './translate.ts';

/** For tests: a mesh and a proxy of it, as they stand in one YAML file (documents `ProxyNode` and `MeshConfig` beside resources). */
export type Case = Readonly<{ resources: MeshResources; node: ProxyNode }>;

type Document = Readonly<Record<string, unknown>> & Readonly<{ kind: string; metadata?: Partial<Metadata> }>;

/** Reads a case. Kinds that the translation does not know are left out. */
export function readCase(text: string, mesh: Partial<MeshConfig> = {}): Case {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as Document);
  const node = documents.find(({ kind }) => kind === 'ProxyNode') ?? { kind: 'ProxyNode' };
  const meshDocument = documents.find(({ kind }) => kind === 'MeshConfig') ?? {};
  const resources = documents
    .filter(({ kind }) => !['ProxyNode', 'MeshConfig', 'Expect'].includes(kind))
    .map(toResource);
  return {
    resources: aMesh(resources, { ...mesh, ...(meshDocument as Partial<MeshConfig>) }),
    node: aNode(node),
  };
}

/** A mesh of resources. */
export function aMesh(resources: readonly Resource[], mesh: Partial<MeshConfig> = {}, generation = 1): MeshResources {
  return toMeshResources(generation, { ...defaultMeshConfig, ...mesh }, resources);
}

/** A proxy; whatever is not said is a plain sidecar in `default`. */
export function aNode(node: Partial<ProxyNode> & { ip?: string } = {}): ProxyNode {
  const { ip = '10.77.1.10', ...said } = node;
  const name = said.name ?? 'client';
  const namespace = said.namespace ?? 'default';
  return {
    id: `sidecar~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    name,
    namespace,
    serviceAccount: name,
    labels: { app: name },
    ipAddresses: [ip],
    locality: { region: '', zone: '', subzone: '' },
    compat: 'istio',
    metadata: {},
    interception: 'REDIRECT',
    ...said,
  };
}

/** Resources of a YAML text. */
export function resourcesOf(text: string): readonly Resource[] {
  return parseAllDocuments(text).map((document) => toResource(document.toJS() as Document));
}

function toResource(document: Document): Resource {
  const metadata = { labels: {}, annotations: {}, namespace: 'default', name: 'unnamed', ...document.metadata };
  return { spec: {}, apiVersion: '', ...document, metadata } as unknown as Resource;
}
