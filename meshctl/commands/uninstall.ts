import { createInterface } from 'node:readline/promises';
import { controlPlaneName, meshNamespace } from '#shared/kubernetes/names.ts';
import { parseDurationMs } from '#shared/model/duration.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { findLeftovers, type Leftovers } from '../install/uninstaller.ts';
import { calling, connectCluster, type Cluster, type ClusterFlags } from '../kubernetes/cluster.ts';
import { sayRef, type ObjectRef } from '../kubernetes/discovery.ts';
import { Deadline } from '../kubernetes/wait.ts';

/** The flags of `meshctl uninstall`. */
export type UninstallFlags = ClusterFlags &
  Readonly<{ purge?: boolean; yes?: boolean; dryRun?: boolean; timeout: string }>;

/** `meshctl uninstall`: everything that was installed, and what the control plane made of it. */
export async function uninstall(context: CommandContext, flags: UninstallFlags): Promise<number> {
  const timeoutMs = parseDurationMs(flags.timeout);
  if (timeoutMs === null) throw new CommandError(exitCodes.usage, `${flags.timeout} is not a duration, such as 5m`);
  const cluster = connectCluster(flags);
  const namespace = context.namespace ?? meshNamespace;
  return calling(async () => {
    const leftovers = await findLeftovers(cluster, namespace);
    const doomed = doomedOf(leftovers, flags.purge === true);
    if (doomed.length === 0) {
      context.note('there is nothing of Tulle in this cluster');
      return exitCodes.ok;
    }
    explain(context, leftovers, flags.purge === true);
    if (flags.dryRun === true) {
      for (const ref of doomed) context.out(`${say(ref)} would be deleted\n`);
      return exitCodes.ok;
    }
    await confirm(flags.yes === true, doomed.length);
    const deadline = new Deadline(timeoutMs, flags.timeout);
    for (const ref of doomed) {
      // What runs until now would write again what is deleted.
      if (ref.kind === 'ConfigMap') await untilStopped(cluster, namespace, deadline);
      await remove(cluster, ref, deadline);
      context.out(`${say(ref)} deleted\n`);
    }
    return exitCodes.ok;
  });
}

/** In the order in which they go. Definitions come before the namespace: their resources may be in it. */
function doomedOf({ objects, definitions, namespace }: Leftovers, purge: boolean): readonly ObjectRef[] {
  return [...objects, ...(purge ? definitions.map(({ ref }) => ref) : []), ...(namespace === null ? [] : [namespace])];
}

const say = (ref: ObjectRef) => `${sayRef(ref)}${ref.namespace === '' ? '' : ` in ${ref.namespace}`}`;

function explain(context: CommandContext, leftovers: Leftovers, purge: boolean): void {
  const { definitions, keepsNamespace, injectedPods } = leftovers;
  const resources = definitions.reduce((sum, definition) => sum + definition.resources, 0);
  for (const { ref, resources: own } of definitions)
    if (own > 0 && purge) context.note(`${own} resources of ${ref.name} are lost`);
  if (purge) context.note(`${definitions.length} definitions go, with ${resources} resources`);
  else if (definitions.length > 0)
    context.note(`${definitions.length} definitions stay, with ${resources} resources: --purge deletes them too`);
  if (keepsNamespace) context.note('the namespace stays: it was there before `meshctl install`');
  if (injectedPods.length === 0) return;
  const [first = ''] = injectedPods;
  const others = injectedPods.length === 1 ? '' : ` and ${injectedPods.length - 1} others`;
  context.note(`${first}${others} still have a sidecar, whose certificate is not renewed any more: restart them`);
}

async function confirm(isAgreed: boolean, count: number): Promise<void> {
  if (isAgreed) return;
  if (!process.stdin.isTTY)
    throw new CommandError(
      exitCodes.usage,
      `${count} objects would be deleted, and nobody is there to ask`,
      'add --yes',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${count} objects? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(exitCodes.cancelled, 'nothing was deleted');
}

function untilStopped({ api }: Cluster, namespace: string, deadline: Deadline): Promise<void> {
  const selection = { labelSelector: `app.kubernetes.io/name=${controlPlaneName}` };
  return deadline.until('the control plane has ended', async () => {
    const { items } = await api.list(`/api/v1/namespaces/${namespace}/pods`, selection);
    return items.length === 0;
  });
}

/** Namespaces and definitions are gone only when what was in them is. */
const slow = ['Namespace', 'CustomResourceDefinition'];

async function remove({ api, discovery }: Cluster, ref: ObjectRef, deadline: Deadline): Promise<void> {
  const path = await discovery.pathOf(ref);
  if (path === null) return;
  try {
    await api.remove(path);
  } catch (error) {
    if (!isMeshError(error, 'not_found')) throw error;
  }
  if (!slow.includes(ref.kind)) return;
  await deadline.until(`${sayRef(ref)} is gone`, async () => (await api.read(path)) === null);
}
