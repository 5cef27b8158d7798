import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { meshNamespace } from '#shared/kubernetes/names.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { collect } from '../bug-report/collect.ts';
import { tarOf } from '../bug-report/tar.ts';
import { readFacts } from '../check/read-facts.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { calling, connectCluster, type ClusterFlags } from '../kubernetes/cluster.ts';
import { fromCallerFolder } from '../settings.ts';

/** The flags of `meshctl bug-report`. */
export type BugReportFlags = ClusterFlags & Readonly<{ file?: string; proxies: string }>;

/** `meshctl bug-report`: an archive for others to read; its path alone goes to standard output. */
export async function bugReport(context: CommandContext, flags: BugReportFlags): Promise<number> {
  const mostProxies = Number(flags.proxies);
  if (!Number.isInteger(mostProxies) || mostProxies < 0)
    throw new CommandError(exitCodes.usage, `${flags.proxies} is not a number of proxies`);
  const nowMs = Date.now();
  const name = `tulle-bug-report-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`;
  const file = flags.file ?? `${name}.tar.gz`;
  const files = await calling(async () => {
    const cluster = connectCluster(flags);
    const facts = await readFacts(cluster, { namespace: context.namespace ?? meshNamespace, isInstalled: true });
    return collect(cluster, facts, mostProxies);
  });
  const inFolder = files.map(({ path, content }) => ({ path: `${name}/${path}`, content }));
  try {
    writeFileSync(fromCallerFolder(file), gzipSync(tarOf(inFolder, nowMs)), { mode: 0o600 });
  } catch (error) {
    throw new CommandError(exitCodes.failed, `cannot write ${file}: ${describeError(error)}`);
  }
  context.out(`${file}\n`);
  context.note(
    `${files.length} files, without keys, tokens and passwords; names of your services are in it: look before you send it`,
  );
  return exitCodes.ok;
}
