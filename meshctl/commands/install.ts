import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { controlPlaneName, meshNamespace } from '#shared/kubernetes/names.ts';
import { parseDurationMs } from '#shared/model/duration.ts';
import { parseMeshConfig } from '#shared/model/mesh-config.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { Installer, type Outcome } from '../install/installer.ts';
import { readManifests } from '../install/manifests.ts';
import { planInstall, type InstallSettings, type Plan } from '../install/plan.ts';
import { servedBy } from '../install/served.ts';
import { rolloutOf, whyNotReady } from '../install/workload.ts';
import { calling, connectCluster, type Cluster, type ClusterFlags } from '../kubernetes/cluster.ts';
import { Deadline } from '../kubernetes/wait.ts';
import { fromCallerFolder } from '../settings.ts';

/** The flags of `meshctl install`. */
export type InstallFlags = ClusterFlags &
  Readonly<{
    replicas?: string;
    imageRegistry?: string;
    image?: string;
    sidecarImage?: string;
    meshConfig?: string;
    skipCrds?: boolean;
    forceConflicts?: boolean;
    dryRun?: boolean;
    wait: boolean;
    timeout: string;
  }>;

/** `meshctl install`: everything into a cluster, or what is there to this version and these flags. The same again changes nothing. */
export async function install(context: CommandContext, flags: InstallFlags): Promise<number> {
  const settings = readSettings(context, flags);
  const manifests = readManifests();
  if (flags.dryRun === true) {
    const { stages } = planInstall(manifests, settings, () => true);
    for (const manifest of stages.flatMap(({ objects }) => objects)) context.out(`---\n${stringify(manifest)}`);
    return exitCodes.ok;
  }
  const timeoutMs = parseDurationMs(flags.timeout);
  if (timeoutMs === null) throw new CommandError(exitCodes.usage, `${flags.timeout} is not a duration, such as 5m`);
  const cluster = connectCluster(flags);
  return calling(async () => {
    const plan = planInstall(manifests, settings, await servedBy(cluster, manifests));
    for (const { kind, metadata } of plan.leftOut)
      context.note(`${kind}/${metadata.name} is left out: the server does not have this kind`);
    return apply(context, cluster, { plan, settings, flags, deadline: new Deadline(timeoutMs, flags.timeout) });
  });
}

type Task = Readonly<{ plan: Plan; settings: InstallSettings; flags: InstallFlags; deadline: Deadline }>;

async function apply(context: CommandContext, cluster: Cluster, task: Task): Promise<number> {
  const { plan, settings, flags, deadline } = task;
  const outcomes: Outcome[] = [];
  const installer = new Installer(cluster, {
    namespace: settings.namespace,
    version: packageJson.version,
    force: flags.forceConflicts === true,
    keepsReplicas: settings.replicas === null,
    tell: (ref, outcome) => {
      outcomes.push(outcome);
      context.out(`${ref} ${outcome}\n`);
    },
    until: (what, isSo) => deadline.until(what, isSo),
    untilReady: () => (flags.wait ? untilReady(context, cluster, task) : Promise.resolve()),
  });
  await installer.install(plan.stages);
  const changed = outcomes.filter((outcome) => outcome !== 'unchanged').length;
  const what = changed === 0 ? 'nothing changed' : `${changed} of ${outcomes.length} objects changed`;
  context.note(`Tulle ${packageJson.version} is in namespace ${settings.namespace}: ${what}`);
  context.note('next: `meshctl check`, and `kubectl label namespace NAME istio-injection=enabled`');
  return exitCodes.ok;
}

async function untilReady(context: CommandContext, { api }: Cluster, { settings, deadline }: Task): Promise<void> {
  const { namespace } = settings;
  const read = () => api.read(`/apis/apps/v1/namespaces/${namespace}/deployments/${controlPlaneName}`);
  context.note('waiting for the control plane, before its webhooks are put there');
  const isReady = async () => {
    const deployment = await read();
    return deployment !== null && rolloutOf(deployment).isDone;
  };
  const explain = async () => {
    const deployment = await read();
    if (deployment === null) return 'its Deployment is gone';
    const { available, wanted } = rolloutOf(deployment);
    const selection = { labelSelector: `app.kubernetes.io/name=${controlPlaneName}` };
    const { items } = await api.list(`/api/v1/namespaces/${namespace}/pods`, selection);
    const reasons = items.flatMap((pod) => {
      const why = whyNotReady(pod);
      return why === null ? [] : [`${pod.metadata.name}: ${why}`];
    });
    return [`${available} of ${wanted} replicas are available`, ...reasons].join('; ');
  };
  await deadline.until('the control plane is ready', isReady, explain);
}

function readSettings(context: CommandContext, flags: InstallFlags): InstallSettings {
  const replicas = flags.replicas === undefined ? null : Number(flags.replicas);
  if (replicas !== null && !(Number.isInteger(replicas) && replicas >= 1))
    throw new CommandError(exitCodes.usage, `${flags.replicas ?? ''} is not a number of replicas`);
  return {
    namespace: context.namespace ?? meshNamespace,
    replicas,
    imageRegistry: flags.imageRegistry ?? null,
    image: flags.image ?? null,
    sidecarImage: flags.sidecarImage ?? null,
    meshConfig: flags.meshConfig === undefined ? null : readMeshConfig(context, flags.meshConfig),
    skipDefinitions: flags.skipCrds === true,
  };
}

/** What the control plane would refuse is not installed. */
function readMeshConfig(context: CommandContext, file: string): string {
  let text: string;
  let document: unknown;
  try {
    text = readFileSync(fromCallerFolder(file), 'utf8');
    document = parse(text);
  } catch (error) {
    throw new CommandError(exitCodes.badInput, `cannot read ${file}: ${describeError(error)}`);
  }
  const parsed = parseMeshConfig(document);
  if (!parsed.ok) {
    const problems = parsed.problems.map(({ path, message }) => `${file}: ${path}: ${message}`);
    throw new CommandError(exitCodes.badInput, problems.join('\n'));
  }
  for (const { path, message } of parsed.warnings) context.note(`warning: ${file}: ${path}: ${message}`);
  return text;
}
