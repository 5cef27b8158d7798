import { parse } from 'yaml';
import {
  controlPlaneName,
  injectionLabels,
  injectorConfigMap,
  leaderLease,
  meshConfigMap,
} from '#shared/kubernetes/names.ts';
import { parseMeshConfig } from '#shared/model/mesh-config.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Problem, Result } from '#shared/runtime/result.ts';
import { inventoryName } from '../install/inventory.ts';
import { rolloutOf, whyNotReady } from '../install/workload.ts';
import { expectedOf, named, type Facts } from './facts.ts';
import { parseInjectorSettings } from './injection.ts';
import { error, installAgain, warning, type Check, type Complaint, type Verdict } from './verdict.ts';

const category = 'control plane';
const nothingToLookAt = { skipped: 'there is no control plane to look at' };
const logs = (namespace: string) => `see \`kubectl -n ${namespace} logs deploy/${controlPlaneName} --previous\``;

const deploymentOf = ({ deployments }: Facts) => named(deployments, controlPlaneName);

/** What runs, and what it runs on. */
export const controlPlaneChecks: readonly Check[] = [
  {
    category,
    name: 'its namespace is there, and gets no sidecars',
    judge: ({ namespaces, namespace }) => {
      const found = named(namespaces, namespace);
      if (found === undefined)
        return [error(`there is no namespace ${namespace}`, `run \`meshctl install\`, or name the namespace by -n`)];
      const { own, istio } = injectionLabels;
      const labels = found.metadata.labels ?? {};
      if ((labels[own] ?? labels[istio]) !== 'enabled') return [];
      const message = `namespace ${namespace} is labelled for injection: the control plane would wait for itself`;
      return [error(message, `kubectl label namespace ${namespace} ${own}=disabled ${istio}=disabled --overwrite`)];
    },
  },
  { category, name: 'it is deployed, more than once', judge: judgeReplicas },
  { category, name: 'all of its replicas are ready', judge: judgeReadiness },
  { category, name: 'it is of the version of this meshctl', judge: judgeVersion },
  { category, name: 'its Service leads to it', judge: judgeService },
  {
    category,
    name: 'the settings of the mesh can be read',
    judge: (facts) => [...judgeSettings(facts, meshConfigMap, parseMeshConfig), ...judgeRootNamespace(facts)],
  },
  {
    category,
    name: 'the settings of the injector can be read',
    judge: (facts) => judgeSettings(facts, injectorConfigMap, parseInjectorSettings),
  },
  { category, name: 'one of its replicas leads', judge: judgeLease },
];

function judgeReplicas(facts: Facts): Verdict {
  const deployment = deploymentOf(facts);
  if (deployment === undefined)
    return [error(`there is no Deployment ${controlPlaneName} in ${facts.namespace}`, installAgain)];
  const { wanted } = rolloutOf(deployment);
  if (wanted === 0) {
    const hint = `run \`meshctl install\` again, or kubectl -n ${facts.namespace} scale deploy/${controlPlaneName} --replicas 2`;
    return [error('it has 0 replicas: nobody gives certificates and configuration', hint)];
  }
  if (wanted > 1) return [];
  const message = 'it has one replica: while that is away, pods are created without a sidecar';
  return [warning(message, '`meshctl install --replicas 2`')];
}

function judgeReadiness(facts: Facts): Verdict {
  const deployment = deploymentOf(facts);
  if (deployment === undefined) return nothingToLookAt;
  const { wanted, available, isDone } = rolloutOf(deployment);
  const own = facts.pods.filter(
    ({ metadata }) =>
      metadata.namespace === facts.namespace && metadata.labels?.['app.kubernetes.io/name'] === controlPlaneName,
  );
  const reasons = own.flatMap((pod) => {
    const why = whyNotReady(pod);
    return why === null ? [] : [error(`${pod.metadata.name}: ${why}`, logs(facts.namespace))];
  });
  if (reasons.length > 0 || wanted === 0) return reasons;
  if (available >= wanted)
    return isDone ? [] : [warning('a new version of it is being rolled out', 'wait, then check again')];
  const hint = own.length === 0 ? `see \`kubectl -n ${facts.namespace} describe replicasets\`` : logs(facts.namespace);
  return [error(`${available} of ${wanted} replicas are available`, hint)];
}

type Template = Readonly<{ template: Readonly<{ spec: Readonly<{ containers: readonly { image: string }[] }> }> }>;

function judgeVersion(facts: Facts): Verdict {
  const deployment = deploymentOf(facts);
  if (deployment === undefined) return nothingToLookAt;
  const complaints: Complaint[] = [];
  const { version: installed } = (named(facts.configMaps, inventoryName)?.['data'] ?? {}) as { version?: string };
  if (installed !== undefined && installed !== facts.version)
    complaints.push(
      warning(`${installed} is installed, this meshctl is ${facts.version}`, 'run `meshctl install` to upgrade'),
    );
  const [container] = (deployment['spec'] as Template).template.spec.containers;
  const tag = /:([^:/@]+)(?:@|$)/.exec(container?.image ?? '')?.[1];
  if (tag !== undefined && tag !== (installed ?? facts.version))
    complaints.push(
      warning(`it runs the image ${container?.image ?? ''}`, 'meant so? else run `meshctl install` again'),
    );
  return complaints;
}

type ServicePort = Readonly<{ name: string; port: number }>;
type Subset = Readonly<{ addresses?: readonly object[] }>;

function judgeService(facts: Facts): Verdict {
  const service = named(facts.services, controlPlaneName);
  if (service === undefined)
    return [error(`there is no Service ${controlPlaneName}: proxies and the API server do not find it`, installAgain)];
  const portsOf = (object: Readonly<Record<string, unknown>> | undefined) =>
    ((object?.['spec'] as { ports?: readonly ServicePort[] } | undefined)?.ports ?? []).map(({ port }) => port);
  const present = portsOf(service);
  const missing = portsOf(expectedOf(facts, 'Service', controlPlaneName)).filter((port) => !present.includes(port));
  if (missing.length > 0) return [error(`its Service lacks the ports ${missing.join(', ')}`, installAgain)];
  const { subsets = [] } = (named(facts.endpoints, controlPlaneName) ?? {}) as { subsets?: readonly Subset[] };
  if (subsets.some(({ addresses = [] }) => addresses.length > 0)) return [];
  const hint = 'its pods must be ready and carry the labels that the Service selects';
  return [error('its Service has no endpoint: it leads nowhere', hint)];
}

type ConfigMapName = Readonly<{ name: string; key: string }>;

function judgeSettings(
  { configMaps, namespace }: Facts,
  { name, key }: ConfigMapName,
  parseSettings: (document: unknown) => Result<unknown>,
): readonly Complaint[] {
  const where = `${name} in ${namespace}`;
  const configMap = named(configMaps, name);
  if (configMap === undefined) return [error(`there is no ConfigMap ${where}`, installAgain)];
  const text = ((configMap['data'] ?? {}) as Readonly<Record<string, string>>)[key];
  if (text === undefined) return [error(`ConfigMap ${where} has no key ${key}`, installAgain)];
  const hint = `kubectl -n ${namespace} edit configmap ${name}`;
  let parsed: Result<unknown>;
  try {
    parsed = parseSettings(parse(text));
  } catch (thrown) {
    return [error(`ConfigMap ${where} is no YAML: ${describeError(thrown)}`, hint)];
  }
  const say = ({ path, message }: Problem) => `ConfigMap ${where}: ${path === '' ? '' : `${path}: `}${message}`;
  if (!parsed.ok) return parsed.problems.map((problem) => error(say(problem), hint));
  return parsed.warnings.map((problem) => warning(say(problem), hint));
}

function judgeRootNamespace({ configMaps, namespace }: Facts): readonly Complaint[] {
  const text = (named(configMaps, meshConfigMap.name)?.['data'] as Readonly<Record<string, string>> | undefined)?.[
    meshConfigMap.key
  ];
  const root = /^rootNamespace: *(\S+)/m.exec(text ?? '')?.[1];
  if (root === undefined || root === namespace) return [];
  const message = `rootNamespace is ${root}, the control plane is in ${namespace}: policies for the whole mesh count only there`;
  return [warning(message, 'meant so when moving from Istio; else set it')];
}

type LeaseSpec = Readonly<{ holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string }>;

function judgeLease(facts: Facts): Verdict {
  if (deploymentOf(facts) === undefined) return nothingToLookAt;
  const {
    holderIdentity = '',
    leaseDurationSeconds = 15,
    renewTime,
  } = (named(facts.leases, leaderLease)?.['spec'] ?? {}) as LeaseSpec;
  const meaning = 'nobody writes status, root certificates and webhooks';
  const hint = `is a replica ready, and may it write leases? ${logs(facts.namespace)}`;
  if (holderIdentity === '') return [error(`no replica leads: ${meaning}`, hint)];
  const ageMs = facts.nowMs + (facts.clockAheadMs ?? 0) - Date.parse(renewTime ?? '');
  // Twice: the clocks of three machines are in this.
  if (!Number.isNaN(ageMs) && ageMs < 2 * leaseDurationSeconds * 1000) return [];
  const since = Number.isNaN(ageMs) ? 'never' : `${Math.round(ageMs / 1000)} s ago`;
  return [error(`${holderIdentity} led last, and was heard of ${since}: ${meaning}`, hint)];
}
