/**
 * The end of the other containers of a pod whose containers share their processes (`shareProcessNamespace`): a job beside a sidecar that is
 * no native one ends with it. A process is of another container when its cgroup is another; the first of the pod only holds it together.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#shared/runtime/clock.ts';

/** Processes of other containers, by their ids. `proc`: where the system shows processes. */
export async function otherProcesses(proc: string, ownId: number): Promise<readonly number[]> {
  const own = await cgroupOf(proc, ownId);
  const ids = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map(Number);
  const groups = await Promise.all(ids.map((id) => cgroupOf(proc, id)));
  return ids.filter((id, index) => id !== 1 && groups[index] !== null && groups[index] !== own);
}

/** Null: it has ended. */
async function cgroupOf(proc: string, id: number): Promise<string | null> {
  try {
    return await readFile(join(proc, String(id), 'cgroup'), 'utf8');
  } catch {
    return null;
  }
}

/** What was seen: whether there were others, and how often in a row there were none since. */
export type ProcessWatch = Readonly<{ wereThere: boolean; timesGone: number }>;

/** A container that starts another program is between the two for a moment. */
const timesUntilSure = 3;
const lookEveryMs = 1000;

/** One look: the next state, and whether all have ended. */
export function judgeProcesses({ wereThere, timesGone }: ProcessWatch, count: number): [ProcessWatch, boolean] {
  if (count > 0) return [{ wereThere: true, timesGone: 0 }, false];
  if (!wereThere) return [{ wereThere, timesGone: 0 }, false];
  return [{ wereThere, timesGone: timesGone + 1 }, timesGone + 1 >= timesUntilSure];
}

/** Looks until all have ended, then calls `onEnd` once. Returns how to stop. */
export function watchProcesses(clock: Clock, look: () => Promise<readonly number[]>, onEnd: () => void): () => void {
  let state: ProcessWatch = { wereThere: false, timesGone: 0 };
  let isStopped = false;
  let cancel: () => void = () => undefined;
  const pass = async () => {
    const count = (await look()).length;
    if (isStopped) return;
    const [next, haveEnded] = judgeProcesses(state, count);
    state = next;
    if (haveEnded) return onEnd();
    cancel = clock.after(lookEveryMs, () => void pass());
  };
  void pass();
  return () => {
    isStopped = true;
    cancel();
  };
}
