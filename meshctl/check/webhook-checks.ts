import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { controlPlaneName, injectorWebhook, validatorWebhook } from '#shared/kubernetes/names.ts';
import { rolloutOf } from '../install/workload.ts';
import { certificatesIn, fingerprints } from './certificate-checks.ts';
import { contains } from './definition-checks.ts';
import { expectedOf, named, type Facts, type Trial } from './facts.ts';
import { error, installAgain, some, warning, type Check, type Complaint, type Verdict } from './verdict.ts';

const category = 'webhooks';

/** One webhook of a configuration. */
export type Hook = Readonly<{
  name: string;
  clientConfig: Readonly<{
    caBundle?: string;
    url?: string;
    service?: Readonly<{ name: string; namespace: string; path?: string; port?: number }>;
  }>;
  failurePolicy?: string;
  rules?: unknown;
  namespaceSelector?: unknown;
  objectSelector?: unknown;
}>;

const ours = [
  { kind: 'MutatingWebhookConfiguration', name: injectorWebhook.name, list: 'mutatingWebhooks' },
  { kind: 'ValidatingWebhookConfiguration', name: validatorWebhook.name, list: 'validatingWebhooks' },
] as const;
type Ours = (typeof ours)[number];

export const hooksOf = (configuration: Readonly<Record<string, unknown>> | undefined) =>
  (configuration?.['webhooks'] ?? []) as readonly Hook[];
const liveOf = (facts: Facts, { list, name }: Ours) => named(facts[list], name);
const forEach = (judge: (facts: Facts, one: Ours) => readonly Complaint[]) => (facts: Facts) =>
  ours.flatMap((one) => judge(facts, one));

/** The configurations by which the API server asks the control plane, and whether it gets an answer. */
export const webhookChecks: readonly Check[] = [
  { category, name: 'they are there', judge: forEach(judgePresence) },
  { category, name: 'they ask what this version asks', judge: forEach(judgeShape) },
  { category, name: 'they lead to the control plane', judge: forEach(judgeService) },
  { category, name: 'they trust the certificate of the control plane', judge: forEach(judgeBundle) },
  { category, name: 'they refuse or let pass as they should', judge: forEach(judgePolicy) },
  {
    category,
    name: 'a pod is given a sidecar when it is tried',
    judge: ({ injection }) =>
      judgeTrial(injection, {
        failed: 'a pod for injection cannot be created',
        unhandled:
          'a pod for injection is created without a sidecar: the injector is not reached, and its policy hides that',
      }),
  },
  {
    category,
    name: 'a wrong resource is refused when it is tried',
    judge: ({ validation }) =>
      judgeTrial(validation, {
        failed: 'no resource of the mesh can be created',
        unhandled: 'a wrong resource is taken: the validator is not reached, and its policy hides that',
      }),
  },
  { category, name: 'none is left of another installation', judge: judgeOrphans },
];

function judgePresence(facts: Facts, one: Ours): readonly Complaint[] {
  const live = liveOf(facts, one);
  const effect = one.kind.startsWith('Mutating') ? 'no pod gets a sidecar' : 'wrong resources are not refused';
  if (live === undefined) return [error(`there is no ${one.kind} ${one.name}: ${effect}`, installAgain)];
  const present = hooksOf(live).map(({ name }) => name);
  const missing = hooksOf(expectedOf(facts, one.kind, one.name)).filter(({ name }) => !present.includes(name));
  if (missing.length === 0) return [];
  return [error(`${one.name} lacks ${some(missing.map(({ name }) => name))}`, installAgain)];
}

function judgeShape(facts: Facts, one: Ours): readonly Complaint[] {
  const live = new Map(hooksOf(liveOf(facts, one)).map((hook) => [hook.name, hook]));
  return hooksOf(expectedOf(facts, one.kind, one.name)).flatMap((expected) => {
    const found = live.get(expected.name);
    if (found === undefined) return [];
    const parts = (['rules', 'namespaceSelector', 'objectSelector'] as const).filter(
      (part) => expected[part] !== undefined && !contains(found[part], expected[part]),
    );
    if (parts.length === 0) return [];
    return [warning(`${parts.join(' and ')} of ${expected.name} are not as installed`, installAgain)];
  });
}

/** A configuration has one destination in all of its webhooks, so one complaint is enough. */
const once = (complaints: readonly Complaint[]) => complaints.slice(0, 1);

function judgeService(facts: Facts, one: Ours): readonly Complaint[] {
  return once(
    hooksOf(liveOf(facts, one)).flatMap(({ clientConfig: { service, url } }) => {
      if (service === undefined) return [error(`${one.name} calls ${url ?? 'nothing'}, not our Service`, installAgain)];
      const { name, namespace, port = 443 } = service;
      if (namespace !== facts.namespace || name !== controlPlaneName)
        return [error(`${one.name} calls Service ${namespace}/${name}, not the control plane's`, installAgain)];
      const found = named(facts.services, name);
      if (found === undefined)
        return [error(`${one.name} calls Service ${namespace}/${name}, which is not there`, installAgain)];
      const { ports = [] } = (found['spec'] ?? {}) as { ports?: readonly { port: number }[] };
      if (ports.some((candidate) => candidate.port === port)) return [];
      return [error(`${one.name} calls port ${port} of Service ${name}, which it does not have`, installAgain)];
    }),
  );
}

function judgeBundle(facts: Facts, one: Ours): readonly Complaint[] {
  const hint = 'the leading replica puts it there: see whether one leads, and its log';
  return once(
    hooksOf(liveOf(facts, one)).flatMap(({ clientConfig: { caBundle = '' } }) => {
      if (caBundle === '') return [error(`${one.name} has no caBundle yet: the API server cannot call it`, hint)];
      const pem = Buffer.from(caBundle, 'base64').toString('utf8');
      const certificates = certificatesIn(pem);
      if (certificates.length === 0) return [error(`the caBundle of ${one.name} holds no certificate`, hint)];
      if (certificates.every(({ notAfter }) => notAfter < facts.nowMs))
        return [error(`the caBundle of ${one.name} has expired`, hint)];
      if (facts.authority === null) return [];
      const known = fingerprints(pem).split(' ');
      const isKnown = fingerprints(facts.authority.root)
        .split(' ')
        .some((root) => known.includes(root));
      if (isKnown) return [];
      return [error(`the caBundle of ${one.name} is not the root of the mesh: every call of it fails`, hint)];
    }),
  );
}

/** `Fail` only while two replicas can answer, else a cluster could not create the pods that would. */
function judgePolicy(facts: Facts, one: Ours): readonly Complaint[] {
  const deployment = named(facts.deployments, controlPlaneName);
  const available = deployment === undefined ? 0 : rolloutOf(deployment).available;
  const policies = new Set(hooksOf(liveOf(facts, one)).map(({ failurePolicy = 'Fail' }) => failurePolicy));
  const hint = 'the control plane sets it by how many of its replicas are ready: see whether one leads, and its log';
  if (policies.has('Fail') && available < 2) {
    const what = one.kind.startsWith('Mutating')
      ? 'no pod with a sidecar can be created'
      : 'no resource can be changed';
    const message = `${one.name} is set to Fail with ${available} replicas available: when they are away, ${what}`;
    return [warning(message, hint)];
  }
  if (policies.has('Ignore') && available >= 2)
    return [warning(`${one.name} is set to Ignore: what it should look at passes when it is not reached`, hint)];
  return [];
}

function judgeTrial(trial: Trial, words: Readonly<{ failed: string; unhandled: string }>): Verdict {
  switch (trial.kind) {
    case 'not-tried':
      return { skipped: trial.message };
    case 'failed':
      return [error(`${words.failed}: ${trial.message}`, 'see the other checks of webhooks and of the control plane')];
    case 'done': {
      const hint = 'see the other checks of webhooks; the API server must reach port 15017 of the control plane';
      return trial.wasHandled ? [] : [error(words.unhandled, hint)];
    }
  }
}

/** Configurations that call a control plane of ours, but not this one. */
function judgeOrphans(facts: Facts): Verdict {
  const all: readonly ClusterObject[] = [...facts.mutatingWebhooks, ...facts.validatingWebhooks];
  const known: readonly string[] = ours.map(({ name }) => name);
  return all.flatMap((configuration) => {
    const { name, labels = {} } = configuration.metadata;
    if (known.includes(name)) return [];
    const services = hooksOf(configuration).flatMap(({ clientConfig: { service } }) => service ?? []);
    const isOurs =
      labels['app.kubernetes.io/managed-by'] === 'tulle' ||
      services.some((service) => service.name === controlPlaneName);
    if (!isOurs) return [];
    const gone = services.filter(({ namespace }) => named(facts.namespaces, namespace) === undefined);
    const state = gone.length > 0 ? `, whose namespace ${gone[0]?.namespace ?? ''} is gone` : '';
    const target = services[0] === undefined ? 'nothing' : `${services[0].namespace}/${services[0].name}`;
    return [
      error(
        `${configuration.kind ?? 'webhook'} ${name} calls ${target}${state}`,
        `kubectl delete ${(configuration.kind ?? '').toLowerCase()} ${name}`,
      ),
    ];
  });
}
