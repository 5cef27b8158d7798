import { meshNamespace } from '#shared/kubernetes/names.ts';
import { checksAfter, checksBefore } from '../check/checks.ts';
import { readFacts } from '../check/read-facts.ts';
import { formatFindings, summaryOf } from '../check/report.ts';
import { runChecks, type Finding } from '../check/verdict.ts';
import { exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { calling, connectCluster, type ClusterFlags } from '../kubernetes/cluster.ts';
import { formatList, type ListView } from '../output/print.ts';
import { isTerminal } from '../settings.ts';

/** The flags of `meshctl check`. */
export type CheckFlags = ClusterFlags & Readonly<{ pre?: boolean }>;

/** `meshctl check`: every question and its answer. Exits 79 when something is an error; warnings are none. */
export async function check(context: CommandContext, flags: CheckFlags): Promise<number> {
  const isInstalled = flags.pre !== true;
  const namespace = context.namespace ?? meshNamespace;
  const facts = await calling(() => readFacts(connectCluster(flags), { namespace, isInstalled }));
  const findings = runChecks(isInstalled ? checksAfter : checksBefore, facts);
  if (context.format === 'table' || context.format === 'wide') context.out(formatFindings(findings, isTerminal()));
  else {
    context.out(formatList(findings, view, context.format));
    context.note(summaryOf(findings));
  }
  return findings.some(({ state }) => state === 'error') ? exitCodes.findings : exitCodes.ok;
}

const view: ListView<Finding> = { columns: [], name: ({ category, name, state }) => `${state} ${category}: ${name}` };
