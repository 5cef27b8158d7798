/**
 * One endpoint of a large cluster changes: how long the control plane takes until the snapshot of a proxy is there, for 1,000 services and
 * 5,000 endpoints. `node bench/micro/endpoint-change.ts [SERVICES] [ENDPOINTS]`
 */
import { performance } from 'node:perf_hooks';
import { parseResource } from '#shared/model/parse.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { resourceKey, type Resource } from '#shared/model/resource.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { emptyCatalog, resourcesOf, type Catalog, type Change } from '../../control-plane/catalog/catalog.ts';
import { reduceCatalog } from '../../control-plane/catalog/reduce.ts';
import { aNode } from '../../control-plane/translate/test-support.ts';
import { indexMesh, toMeshResources, translate, type MeshIndex } from '../../control-plane/translate/translate.ts';

const services = Number(process.argv[2] ?? 1000);
const endpoints = Number(process.argv[3] ?? 5000);
const rounds = 60;
const proxies = [aNode({ name: 'a' }), aNode({ name: 'b', namespace: 'ns1' }), aNode({ name: 'c', namespace: 'ns2' })];

const parsed = (document: object): Resource => {
  const result = parseResource(document);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
};
const namespaceOf = (service: number) => `ns${service % 10}`;
const serviceOf = (service: number) =>
  parsed({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${service}`, namespace: namespaceOf(service) },
    spec: {
      clusterIP: `10.96.${service >> 8}.${service & 255}`,
      selector: { app: `s${service}` },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    },
  });
const addressOf = (endpoint: number) => `10.1.${endpoint >> 8}.${endpoint & 255}`;
const podOf = (endpoint: number) =>
  parsed({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${endpoint}`,
      namespace: namespaceOf(endpoint % services),
      labels: { app: `s${endpoint % services}`, version: 'v1', 'security.istio.io/tlsMode': 'istio' },
    },
    spec: { nodeName: `n${endpoint % 50}`, serviceAccountName: 'app', containers: [{ name: 'app' }] },
    status: { phase: 'Running', podIP: addressOf(endpoint), conditions: [{ type: 'Ready', status: 'True' }] },
  });
const sliceOf = (service: number, ready: boolean) =>
  parsed({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `s${service}-x`,
      namespace: namespaceOf(service),
      labels: { 'kubernetes.io/service-name': `s${service}` },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: Math.ceil((endpoints - service) / services) }, (_, i) => ({
      addresses: [addressOf(service + i * services)],
      conditions: { ready: ready || i > 0 },
      targetRef: { kind: 'Pod', name: `p${service + i * services}` },
    })),
  });
const nodeOf = (node: number) =>
  parsed({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `n${node}`, labels: { 'topology.kubernetes.io/zone': `z${node % 3}` } },
  });

const range = (length: number) => Array.from({ length }, (_, i) => i);
const told = (resource: Resource): Change => {
  const key = resourceKey(resource);
  return { kind: 'upsert', key, resource, origin: { source: 'bench', file: key, line: 0 }, warnings: [] };
};
const everything = [
  ...range(services).flatMap((service) => [serviceOf(service), sliceOf(service, true)]),
  ...range(endpoints).map(podOf),
  ...range(50).map(nodeOf),
];

let catalog: Catalog = emptyCatalog;
let index: MeshIndex | undefined;
const steps = { reduce: 0, index: 0, firstProxy: 0, otherProxies: 0 };

/** Applies changes; the endpoints of each proxy that are other objects than before. */
function apply(changes: readonly Change[]): void {
  const marks = [performance.now()];
  const mark = () => marks.push(performance.now());
  catalog = reduceCatalog(catalog, changes);
  mark();
  index = indexMesh(toMeshResources(catalog.generation, defaultMeshConfig, resourcesOf(catalog)), index);
  mark();
  for (const [i, proxy] of proxies.entries()) {
    const resources = translate(index, proxy);
    sizes[i] = resources.get(typeUrls.endpoints)?.size ?? 0;
    if (i === 0) mark();
  }
  mark();
  const [start = 0, reduced = 0, indexed = 0, first = 0, end = 0] = marks;
  steps.reduce += reduced - start;
  steps.index += indexed - reduced;
  steps.firstProxy += first - indexed;
  steps.otherProxies += end - first;
}
const sizes: number[] = [];

const began = performance.now();
apply(everything.map(told));
console.log(`${services} services, ${endpoints} endpoints; from nothing: ${(performance.now() - began).toFixed(0)} ms`);
for (const warm of range(10)) apply([told(sliceOf(7, warm % 2 === 1))]);
for (const name of Object.keys(steps) as (keyof typeof steps)[]) steps[name] = 0;
for (const round of range(rounds)) apply([told(sliceOf((round * 17) % services, round % 2 === 1))]);
const each = Object.entries(steps).map(([name, ms]) => `${name} ${(ms / rounds).toFixed(2)}`);
const total = Object.values(steps).reduce((sum, ms) => sum + ms, 0) / rounds;
console.log(
  `one endpoint changes: ${total.toFixed(1)} ms (${each.join(', ')}; ${proxies.length} proxies of ${sizes.join(', ')} assignments)`,
);
