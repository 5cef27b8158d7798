import { readFileSync, readdirSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { DecisionReason } from './decide.ts';
import type { InjectionFacts } from './facts.ts';
import { defaultInjectionSettings, type InjectionSettings } from './injection-settings.ts';
import { parseInjectionSettings } from './parse-settings.ts';
import { podTemplatesOf, type PodTemplate } from './pod-templates.ts';

/** The inputs of Istio's injector (test/corpora/injection) with the settings that its own test gives each (pkg/kube/inject/inject_test.go). */

const folder = new URL('../../test/corpora/injection/', import.meta.url);
export const corpusFolder = folder;
export const testImage = 'tulle/sidecar:test';

/** What Istio does with an input: `sidecar` with capture, a `gateway` without, `proxyless`, or nothing (the reason). */
export type Shape = 'sidecar' | 'gateway' | 'proxyless' | DecisionReason;

export type CorpusCase = Readonly<{
  file: string;
  shape: Shape;
  settings: InjectionSettings;
  facts: Partial<InjectionFacts>;
}>;

type Special = Readonly<{ shape?: Shape; injector?: unknown; mesh?: unknown; facts?: Partial<InjectionFacts> }>;

const zeroStatus = {
  proxy: {
    includeIPRanges: '127.0.0.1/24,10.96.0.1/24',
    excludeIPRanges: '10.96.0.2/24,10.96.0.3/24',
    excludeInboundPorts: '4,5,6',
    statusPort: 0,
  },
};
const status123 = {
  proxy: {
    statusPort: 123,
    readinessInitialDelaySeconds: 100,
    readinessPeriodSeconds: 200,
    readinessFailureThreshold: 300,
  },
};
const openshift = {
  'openshift.io/sa.scc.uid-range': '1000620000/10000',
  'openshift.io/sa.scc.supplemental-groups': '1000620000/10000',
};

/** All that is not `sidecar` with the default settings. */
const special: Readonly<Record<string, Special>> = {
  'format-duration.yaml': { mesh: { defaultConfig: { terminationDrainDuration: '23s' } } },
  'gateway.yaml': { shape: 'gateway' },
  'gateway-spire.yaml': {
    shape: 'gateway',
    injector: {
      templates: {
        spire: `
spec:
  containers:
  - name: istio-proxy
    volumeMounts:
    - {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds, readOnly: true}
  volumes:
  - name: workload-socket
    csi: {driver: csi.spiffe.io, readOnly: true}
`,
      },
    },
  },
  'grpc-simple.yaml': { shape: 'proxyless' },
  'hello-host-network.yaml': { shape: 'host-network' },
  'hello-image-pull-secret.yaml': { injector: { imagePullSecrets: ['fooSecret', 'barSecret'] } },
  'hello-openshift-tproxy.yaml': { injector: { platform: 'openshift' }, facts: { namespaceAnnotations: openshift } },
  'hello-probes-noProxyHoldApplication-ProxyConfig.yaml': {
    injector: { proxy: { holdApplicationUntilProxyStarts: true } },
  },
  'proxy-resources-mixed-null.yaml': {
    injector: {
      proxy: {
        resources: {
          limits: { cpu: null, memory: '500Mi', 'ephemeral-storage': null },
          requests: { cpu: '100m', memory: null, 'ephemeral-storage': '1Gi' },
        },
      },
    },
  },
  'proxy-resources-null.yaml': {
    injector: {
      proxy: { resources: { limits: { cpu: null, memory: '500Mi' }, requests: { cpu: null, memory: '150Mi' } } },
    },
  },
  'reroute-virtual-interfaces.yaml': { injector: status123 },
  'status_params.yaml': { injector: status123 },
  'traffic-annotations.yaml': {
    mesh: {
      defaultConfig: { proxyMetadata: { ISTIO_META_TLS_CLIENT_KEY: '/etc/identity/client/keys/client-key.pem' } },
    },
  },
  'traffic-params.yaml': { injector: zeroStatus },
};

/** All inputs. */
export const corpus: readonly CorpusCase[] = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .toSorted()
  .map((file) => {
    const { shape = 'sidecar', injector, mesh, facts = {} } = special[file] ?? {};
    return { file, shape, settings: aSettings(injector, mesh), facts };
  });

/** Settings from documents that must be good. */
export function aSettings(injector?: unknown, mesh?: unknown): InjectionSettings {
  if (injector === undefined && mesh === undefined) return defaultInjectionSettings(testImage);
  const settings = parseInjectionSettings({ injector, mesh, image: testImage });
  if (!settings.ok) throw new Error(JSON.stringify(settings.problems));
  return settings.value;
}

/** The text of an input. */
export const readCorpus = (file: string) => readFileSync(new URL(file, folder), 'utf8');

/** The pods and pod templates of an input. */
export function corpusPods(file: string): PodTemplate[] {
  const documents = parseAllDocuments(readCorpus(file));
  return (Array.isArray(documents) ? documents : []).flatMap((document) => podTemplatesOf(document.toJS()));
}

/** Facts of a pod in a namespace of which nothing is known. */
export function someFacts(facts: Partial<InjectionFacts> = {}): InjectionFacts {
  return {
    namespace: 'default',
    namespaceLabels: null,
    namespaceAnnotations: {},
    owner: null,
    takesNativeSidecars: true,
    ...facts,
  };
}

/** The facts of one pod of an input. */
export function corpusFacts(
  { facts }: CorpusCase,
  { owner, namespace }: PodTemplate,
  takesNativeSidecars: boolean,
): InjectionFacts {
  return someFacts({ ...facts, owner, namespace: namespace ?? 'default', takesNativeSidecars });
}
