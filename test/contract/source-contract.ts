/**
 * What every source of configuration keeps, whatever stands behind it: the same documents in, the same catalog out; updates and deletions
 * are told; a bad document leaves the last good one in force; who starts anew finds everything.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { parseResource } from '#shared/model/parse.ts';
import { resourceKey, type Resource } from '#shared/model/resource.ts';
import type { Catalog } from '../../control-plane/catalog/catalog.ts';
import { eventually } from '../support/eventually.ts';

/** A source with the world behind it. */
export type SourceUnderTest = Readonly<{
  apply: (document: object) => Promise<void>;
  remove: (document: object) => Promise<void>;
  catalog: () => Catalog;
  /** The source ends; another one begins, with an empty catalog. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** One of each kind, with what a Kubernetes API server would fill in. */
const documents = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}, annotations: {note: not kept}}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/zone: z1, other: label}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}, annotations: {note: kept}}
spec:
  type: ClusterIP
  clusterIP: None
  clusterIPs: [None]
  sessionAffinity: None
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}, annotations: {sidecar.istio.io/inject: "true", other: "1"}}
spec: {nodeName: n1, serviceAccountName: web, containers: [{name: app, image: web, ports: [{name: web, containerPort: 8080}]}]}
status: {phase: Pending}
---
apiVersion: discovery.k8s.io/v1beta1
kind: EndpointSlice
metadata: {name: web-mine, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}, topology: {kubernetes.io/hostname: n1}}]
ports: [{name: http, port: 8080, protocol: TCP}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec: {hosts: [api.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{name: https, number: 443, protocol: TLS}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: shop}
spec: {address: 192.0.2.7, labels: {app: web}}
status: {conditions: [{type: Healthy, status: "False"}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: shop}
spec: {template: {serviceAccount: web}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: split.smi-spec.io/v1alpha2
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec: {service: web, backends: [{service: web, weight: 100}]}
`;
const all = parseAllDocuments(documents).map((document) => document.toJS() as object);
const virtualService = (http: unknown) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { hosts: ['web'], http },
});
const good = virtualService([{ timeout: '7s', route: [{ destination: { host: 'web' } }] }]);
const bad = virtualService([{ timeout: 'soon', route: [{ destination: { host: 'web' } }] }]);
const key = 'VirtualService/shop/web';

const parsed = (document: object): Resource => {
  const result = parseResource(document);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};
/** A resource but for the time of its creation, and the label by which newer servers name a namespace. */
const timeless = (resource: Resource | null | undefined): unknown => {
  if (resource === null || resource === undefined) return null;
  const { creationTimestamp: _, labels, ...metadata } = resource.metadata;
  const { 'kubernetes.io/metadata.name': __, ...ours } = labels;
  return { ...resource, metadata: { ...metadata, labels: ours } };
};

/** Runs the suite against a source. */
export function sourceContract(name: string, make: () => Promise<SourceUnderTest>, skip?: string): void {
  suite(`a source: ${name}`, { skip: skip ?? false }, () => {
    let source: SourceUnderTest;
    before(async () => {
      source = await make();
    });
    after(() => source.close());

    const expected = new Map(all.map((document) => [resourceKey(parsed(document)), timeless(parsed(document))]));
    /** What the catalog has of what was applied. */
    const found = () =>
      new Map([...expected.keys()].map((wanted) => [wanted, timeless(source.catalog().entries.get(wanted)?.resource)]));
    const timeoutOf = () => {
      const resource = source.catalog().entries.get(key)?.resource;
      return resource?.kind === 'VirtualService' ? resource.spec.http?.[0]?.timeout : undefined;
    };

    test('the same documents in, the same catalog out', async () => {
      for (const document of all) await source.apply(document);
      await eventually(() => isDeepStrictEqual(found(), expected)).catch(() => assert.deepEqual(found(), expected));
      for (const { problems, origin } of source.catalog().entries.values()) assert.deepEqual(problems, [], origin.file);
    });

    test('an update is told, a bad one leaves the last good version in force', async () => {
      await source.apply(good);
      await eventually(() => timeoutOf() === '7s');
      await source.apply(bad);
      await eventually(() => (source.catalog().entries.get(key)?.problems.length ?? 0) > 0);
      assert.equal(timeoutOf(), '7s');
      assert.equal(source.catalog().entries.get(key)?.problems[0]?.path, 'spec.http[0].timeout');
      await source.apply(good);
      await eventually(() => source.catalog().entries.get(key)?.problems.length === 0);
    });

    test('who starts anew finds everything, what is bad among it', async () => {
      await source.apply(all.find((document) => resourceKey(parsed(document)) === key) ?? {});
      await eventually(() => timeoutOf() === undefined);
      await source.restart();
      assert.deepEqual(found(), expected);
      await source.apply(bad);
      await eventually(() => (source.catalog().entries.get(key)?.problems.length ?? 0) > 0);
      await source.restart();
      const entry = source.catalog().entries.get(key);
      assert.deepEqual([entry?.resource, entry?.problems[0]?.path], [null, 'spec.http[0].timeout']);
    });

    test('what is deleted is gone', async () => {
      for (const document of all) {
        const { kind } = parsed(document);
        if (kind !== 'Namespace') await source.remove(document);
      }
      await eventually(() =>
        [...source.catalog().entries.keys()].every((known) => known.startsWith('Namespace/') || !expected.has(known)),
      );
    });
  });
}
