import { containerNames, overridesAnnotation, statusAnnotation, systemNamespaces } from '../kubernetes/names.ts';
import type { PatchOperation } from '../kubernetes/admission-review.ts';
import { fail, ok, warning, type Problem, type Result } from '../runtime/result.ts';
import { checkAnnotations } from './annotations.ts';
import { decide, doubtOfDecision, type Decision } from './decide.ts';
import type { InjectionFacts } from './facts.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { encodeOverrides, encodeStatus, findOverrides, readStatus } from './injection-status.ts';
import { createPatch } from './json-patch.ts';
import { orderContainers } from './order.ts';
import { allContainers, findContainer, isJsonObject, type Container, type Pod, type PodFragment } from './pod.ts';
import { doubtsOf, readPodOptions, type PodOptions } from './pod-options.ts';
import { rewriteProbes, setVariable } from './probes.ts';
import { mergeMetrics } from './prometheus.ts';
import { metricsVariable, probersVariable } from './proxy-environment.ts';
import { keptOf, restore } from './restore.ts';
import { mergeContainer, mergePod } from './strategic-merge.ts';
import { forgetSharedUser } from './user-ids.ts';
import { addSearchDomains, doubtsOfTemplates, renderNamed } from './templates.ts';

/**
 * A pod (or a pod template) comes in, and out goes the pod with its sidecar, and the patch that makes the one of the other. Nothing is
 * read but the values handed in; the webhook and `meshctl inject` are the same function.
 *
 *   pod -> decide -> restore (what an earlier injection did is undone) -> templates merged over it -> the user's own containers of the
 *   same names merged over those -> metrics, probes, order, status -> patch against the pod that came in
 *
 * So an injected pod that is injected again is the same pod, and one that others have changed in between keeps their changes.
 */
export type Injection = Readonly<{
  decision: Decision;
  /** The pod that came in, where it is not injected. */
  pod: Pod;
  /** Empty where nothing changes. */
  patch: readonly PatchOperation[];
}>;

/** Decides, and injects. Fails with everything that is wrong with the pod's annotations, each under its name. */
export function inject(pod: Pod, facts: InjectionFacts, settings: InjectionSettings): Result<Injection> {
  const decision = decide(pod, facts, settings);
  const warnings = systemNamespaces.includes(facts.namespace) ? [] : toWarnings([doubtOfDecision(pod)]);
  if (!decision.inject) return ok({ decision, pod, patch: [] }, warnings);
  const original = restore(pod);
  forgetSharedUser(original, settings);
  const problems: Problem[] = checkAnnotations(original);
  if (problems.some(({ severity }) => severity === 'error')) return fail(problems);
  const options = readPodOptions(original, facts, settings, problems);
  if (problems.some(({ severity }) => severity === 'error')) return fail(problems);
  const fragments = options.templates.map((name) => renderNamed(name, original, options, settings));
  const injected = fragments.reduce(mergeTemplate, original);
  const doubts = finish(injected, { before: pod, original, fragments, options, settings });
  const all = [...doubts, ...doubtsOf(original, options), ...doubtsOfTemplates(options)];
  return ok({ decision, pod: injected, patch: createPatch(pod, injected) }, [
    ...warnings,
    ...problems,
    ...toWarnings(all),
  ]);
}

type Work = Readonly<{
  before: Pod;
  original: Pod;
  fragments: readonly PodFragment[];
  options: PodOptions;
  settings: InjectionSettings;
}>;

const toWarnings = (texts: readonly (string | null)[]): Problem[] =>
  texts.flatMap((text) => (text === null ? [] : [warning('', text)]));

/** A container of the pod goes where the template has one of its name: the user's `istio-proxy` becomes an init container with ours. */
function mergeTemplate(pod: Pod, fragment: PodFragment): Pod {
  const { containers = [], initContainers = [] } = pod.spec;
  const isInit = (name: string) => (fragment.spec?.initContainers ?? []).some((one) => one.name === name);
  const isPlain = (name: string) => (fragment.spec?.containers ?? []).some((one) => one.name === name);
  const down = containers.filter(({ name }) => isInit(name));
  const up = initContainers.filter(({ name }) => isPlain(name));
  if (down.length + up.length === 0) return mergePod(pod, fragment);
  const moved = {
    ...pod,
    spec: {
      ...pod.spec,
      containers: [...containers.filter((one) => !down.includes(one)), ...up],
      initContainers: [...initContainers.filter((one) => !up.includes(one)), ...down],
    },
  };
  return mergePod(moved, fragment);
}

/** All that is no template: changes the pod in place, and tells what is doubtful. */
function finish(pod: Pod, work: Work): string[] {
  const { options, settings } = work;
  applyOverrides(pod, work);
  keepForeignParts(pod, work.before);
  addSearchDomains(pod, settings.podDnsSearchNamespaces);
  const proxy = findContainer(pod, containerNames.proxy);
  const doubts: string[] = [];
  if (proxy !== undefined) {
    if (options.mergesMetrics) mergeMetrics(pod, proxy, options.statusPort);
    else setVariable(proxy, metricsVariable, null);
    if (options.rewritesProbes) doubts.push(...rewriteProbes(pod, proxy, options.statusPort));
    else setVariable(proxy, probersVariable, null);
  }
  orderContainers(pod, options.isHeld && !options.isNative);
  writeStatus(pod, work);
  return doubts;
}

/** The word that a user writes for the image of a container that is to be ours. */
const ownImage = 'auto';

/** What the pod itself says of containers that a template has too wins over the template. */
function applyOverrides(pod: Pod, { original, fragments, options }: Work): void {
  const names = new Set(fragments.flatMap((fragment) => allContainers(fragment).map(({ name }) => name)));
  for (const own of allContainers(original)) {
    if (!names.has(own.name)) continue;
    const { image, ...others } = own;
    replaceContainer(pod, own.name, (container) => mergeContainer(container, image === ownImage ? others : own));
  }
  const proxy = findContainer(pod, containerNames.proxy);
  // Capture leaves the sidecar's group alone there; another user could not keep the capability.
  if (options.mode === 'TPROXY' && proxy?.securityContext !== undefined)
    proxy.securityContext = { ...proxy.securityContext, runAsUser: 0 };
}

/** A pod that was injected before may have got more from others (other webhooks, Kubernetes itself): that stays. */
function keepForeignParts(pod: Pod, before: Pod): void {
  for (const name of Object.values(containerNames)) {
    const kept = keptOf(before, name);
    if (kept !== undefined) replaceContainer(pod, name, (container) => mergeContainer(kept, container));
  }
  const order = (before.spec.volumes ?? []).map(({ name }) => name);
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  if (pod.spec.volumes !== undefined)
    pod.spec.volumes = pod.spec.volumes.toSorted((a, b) => place(a.name) - place(b.name));
}

function replaceContainer(pod: Pod, name: string, change: (container: Container) => Container): void {
  const changed = (list: readonly Container[]) => list.map((one) => (one.name === name ? change(one) : one));
  if (pod.spec.containers !== undefined) pod.spec.containers = changed(pod.spec.containers);
  if (pod.spec.initContainers !== undefined) pod.spec.initContainers = changed(pod.spec.initContainers);
}

/** Added is what was not there before, or had been added before, and the containers of our names, which are put back from the overrides. */
function writeStatus(pod: Pod, { before: incoming, original, fragments, settings }: Work): void {
  const earlier = readStatus(incoming);
  const ours = [...Object.values(containerNames), ...(earlier?.containers ?? []), ...(earlier?.initContainers ?? [])];
  const before = new Set(allContainers(original).map(({ name }) => name));
  const fromTemplates = new Set(fragments.flatMap((fragment) => allContainers(fragment).map(({ name }) => name)));
  const added = (list: readonly Container[] = []) =>
    list
      .map(({ name }) => name)
      .filter((name) => fromTemplates.has(name) && (ours.includes(name) || !before.has(name)));
  const more = (list: unknown, old: unknown) => {
    const known = namesOf(old);
    return namesOf(list).filter((name) => !known.includes(name));
  };
  const overrides = findOverrides(original);
  const text = encodeOverrides({
    containers: overrides.containers.filter(({ name }) => fromTemplates.has(name)),
    initContainers: overrides.initContainers.filter(({ name }) => fromTemplates.has(name)),
  });
  const status = encodeStatus({
    initContainers: added(pod.spec.initContainers),
    containers: added(pod.spec.containers),
    volumes: more(pod.spec.volumes, original.spec.volumes),
    imagePullSecrets: more(pod.spec['imagePullSecrets'], original.spec['imagePullSecrets']),
    revision: settings.revision,
  });
  pod.metadata = {
    ...pod.metadata,
    annotations: {
      ...pod.metadata?.annotations,
      ...(text === null ? {} : { [overridesAnnotation]: text }),
      [statusAnnotation]: status,
    },
  };
}

function namesOf(list: unknown): string[] {
  return Array.isArray(list)
    ? list.flatMap((one: unknown) => (isJsonObject(one) && typeof one['name'] === 'string' ? [one['name']] : []))
    : [];
}
