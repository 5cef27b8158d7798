/** What has output to write at the end of this turn of the loop. */
export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];
let isScheduled = false;

/**
 * Calls `flush` once when the events of this turn of the loop have been handled (check phase): all connections of a worker share
 * one immediate. Output for one connection that comes from the events of many (HTTP/2 streams) so becomes one write.
 */
export function flushAtEndOfTurn(flushable: Flushable): void {
  waiting.push(flushable);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flushAll);
}

function flushAll(): void {
  isScheduled = false;
  const due = waiting;
  waiting = [];
  for (const flushable of due) flushable.flush();
}
