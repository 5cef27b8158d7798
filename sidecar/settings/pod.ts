/**
 * `--pod`: who a sidecar is, from the environment and the files that the injector gives its container. Names, paths and formats are
 * Istio's (`pkg/bootstrap/config.go`, `pkg/config/constants`), so that what its templates write is read.
 */
import { join } from 'node:path';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { problem, type Problem } from '#shared/runtime/result.ts';
import { parseDownwardApi } from './downward-api.ts';
import { extraLabels, nodeMetadata, type Environment } from './node-metadata.ts';
import { parsePodApp, type PodApp } from './pod-app.ts';
import { parseProxyConfig, type PodProxyConfig } from './proxy-config.ts';

/** Who a pod says that we are. */
export type Pod = Readonly<{
  name: string;
  namespace: string;
  serviceAccount: string;
  /** Its addresses, at least one. */
  ips: readonly string[];
  labels: Readonly<Record<string, string>>;
  /** What is added to the node's metadata. */
  metadata: Readonly<Record<string, unknown>>;
  /** `REGION/ZONE/SUBZONE` of the label `istio-locality`, or ''. */
  locality: string;
  trustDomain: string;
  caFile: string;
  tokenFile: string;
  dataDir: string;
  proxyConfig: PodProxyConfig;
  app: PodApp;
}>;

/** The text of a file; null: there is none. */
export type ReadText = (path: string) => string | null;

/** Set for tests, it stands before the absolute paths. */
const rootVariable = 'TULLE_POD_ROOT';
const paths = {
  token: '/var/run/secrets/tokens/istio-token',
  ca: '/var/run/secrets/istio/root-cert.pem',
  labels: '/etc/istio/pod/labels',
  annotations: '/etc/istio/pod/annotations',
  data: '/var/lib/istio/data',
};
/** Labels and annotations that say nothing of the workload: of the ReplicaSet, and a copy of the whole object. */
const leftOut = new Set(['pod-template-hash', 'kubectl.kubernetes.io/last-applied-configuration']);

/** Reads the pod; what is missing or wrong is told by its name. */
export function parsePod(environment: Environment, statusPort: number, read: ReadText, problems: Problem[]): Pod {
  const needed = (name: string) => {
    const value = environment[name] ?? '';
    if (value === '') problems.push(problem(name, 'is needed with --pod'));
    return value;
  };
  const at = (path: string) => join(environment[rootVariable] ?? '/', path);
  const name = needed('POD_NAME');
  const namespace = needed('POD_NAMESPACE');
  const serviceAccount = needed('SERVICE_ACCOUNT');
  const labels = {
    ...extraLabels(environment, problems),
    ...downward(at(paths.labels), read, problems),
  };
  const annotations = downward(at(paths.annotations), read, problems);
  const proxyConfig = parseProxyConfig(environment['PROXY_CONFIG'], problems);
  const { NODE_NAME: nodeName } = environment;
  return {
    name,
    namespace,
    serviceAccount,
    ips: addresses(environment, problems),
    labels,
    metadata: {
      ...(nodeName === undefined || nodeName === '' ? {} : { NODE_NAME: nodeName }),
      ...nodeMetadata(environment, proxyConfig.message, problems),
      ...(Object.keys(annotations).length === 0 ? {} : { ANNOTATIONS: annotations }),
      ...(Object.keys(proxyConfig.message).length === 0 ? {} : { PROXY_CONFIG: proxyConfig.message }),
    },
    locality: localityOf(labels['istio-locality'] ?? ''),
    trustDomain: (environment['TRUST_DOMAIN'] || 'cluster.local').replaceAll('@', '.'),
    caFile: at(paths.ca),
    tokenFile: at(paths.token),
    dataDir: at(paths.data),
    proxyConfig,
    app: parsePodApp(environment, statusPort, problems),
  };
}

/** `INSTANCE_IP`, which is the first, and `INSTANCE_IPS` of a pod of two families. */
function addresses(environment: Environment, problems: Problem[]): readonly string[] {
  const { INSTANCE_IP: first = '', INSTANCE_IPS: all = '' } = environment;
  const found = [first, ...all.split(',')].map((address) => address.trim()).filter((address) => address !== '');
  if (found.length === 0) problems.push(problem('INSTANCE_IP', 'is needed with --pod'));
  return [...new Set(found)];
}

function downward(path: string, read: ReadText, problems: Problem[]): Readonly<Record<string, string>> {
  let text: string | null;
  try {
    text = read(path);
  } catch (error) {
    problems.push(problem(path, `cannot be read: ${describeError(error)}`));
    return {};
  }
  const parsed = parseDownwardApi(path, text ?? '');
  if (parsed.ok) return Object.fromEntries(Object.entries(parsed.value).filter(([key]) => !leftOut.has(key)));
  problems.push(...parsed.problems);
  return {};
}

/** A label cannot have a slash: Istio takes dots in their place. */
function localityOf(label: string): string {
  return label.includes('/') ? label : label.replaceAll('.', '/');
}
