import type { ResourceItem } from '#shared/admin/views.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDurationMs } from '#shared/model/duration.ts';
import type { CommandContext } from '../context.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { formatProblem, parseKind } from '../resource-view.ts';

const pollMs = 100;

/** `meshctl wait --for=distribution KIND NAME`: until every connected proxy has applied the resource. Exits 124 on timeout. */
export async function wait(
  context: CommandContext,
  goal: string,
  object: { kind: string; name: string },
  timeout: string,
): Promise<number> {
  if (goal !== 'distribution')
    throw new CommandError(exitCodes.usage, `cannot wait for ${goal}`, 'use --for=distribution');
  const kind = parseKind(object.kind);
  const timeoutMs = parseDurationMs(timeout);
  if (kind === null) throw new CommandError(exitCodes.usage, `there is no kind ${object.kind}`);
  if (timeoutMs === null) throw new CommandError(exitCodes.usage, `${timeout} is not a duration, such as 30s`);
  const path = `/api/v1/resources/${kind}/${context.namespace ?? 'default'}/${encodeURIComponent(object.name)}`;
  const end = Date.now() + timeoutMs;
  for (;;) {
    const item = await context.admin.get<ResourceItem>(path);
    const { applied, total, refused } = item.distribution;
    if (item.problems.length > 0) {
      throw new CommandError(
        exitCodes.findings,
        item.problems.map((problem) => formatProblem(item.file, problem)).join('\n'),
      );
    }
    if (refused.length > 0) {
      throw new CommandError(
        exitCodes.findings,
        refused.map(({ proxy, message }) => `${proxy} refused it: ${message}`).join('\n'),
      );
    }
    if (applied === total) {
      context.out(`${item.key} applied by ${applied} of ${total} proxies\n`);
      return exitCodes.ok;
    }
    if (Date.now() >= end) {
      throw new CommandError(
        exitCodes.timeout,
        `${item.key} applied by ${applied} of ${total} proxies after ${timeout}`,
      );
    }
    await sleep(pollMs);
  }
}
