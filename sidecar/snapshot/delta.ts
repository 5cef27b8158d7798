/**
 * What is new in a snapshot, to be posted to a thread that has the one before: objects that did not change stay the receiver's own, so
 * that compiling there can tell by identity, as here, what is new. Plain data: structured clone takes it.
 */
import { emptySnapshot, type Snapshot } from './snapshot.ts';

/** One map: all names, in order, and the values that are not those of before. */
type Changes<T> = Readonly<{ names: readonly string[]; changed: ReadonlyMap<string, T> }>;

type ValueOf<M> = M extends ReadonlyMap<string, infer T> ? T : never;

export type SnapshotDelta = Readonly<{ [K in keyof Snapshot]: Changes<ValueOf<Snapshot[K]>> }>;

/** What must be told to who has `before` (null: nothing) for it to have `after`. */
export function diffSnapshot(before: Snapshot | null, after: Snapshot): SnapshotDelta {
  const { listeners, routes, clusters, endpoints } = before ?? emptySnapshot;
  return {
    listeners: diff(listeners, after.listeners),
    routes: diff(routes, after.routes),
    clusters: diff(clusters, after.clusters),
    endpoints: diff(endpoints, after.endpoints),
  };
}

/** The snapshot after `before`. */
export function applyDelta(before: Snapshot, delta: SnapshotDelta): Snapshot {
  return {
    listeners: patch(before.listeners, delta.listeners),
    routes: patch(before.routes, delta.routes),
    clusters: patch(before.clusters, delta.clusters),
    endpoints: patch(before.endpoints, delta.endpoints),
  };
}

function diff<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Changes<T> {
  const changed = [...after].filter(([name, value]) => before.get(name) !== value);
  return { names: [...after.keys()], changed: new Map(changed) };
}

function patch<T>(before: ReadonlyMap<string, T>, { names, changed }: Changes<T>): ReadonlyMap<string, T> {
  const after = new Map<string, T>();
  for (const name of names) {
    const value = changed.get(name) ?? before.get(name);
    if (value !== undefined) after.set(name, value);
  }
  return after;
}
