/** How many hosts a priority has, and in what health. */
export type PriorityHealth = Readonly<{ total: number; healthy: number; degraded: number }>;

/** Percent of the requests that go to each priority: to its healthy hosts, to its degraded ones, and whether to all of its hosts. */
export type PriorityLoad = Readonly<{
  healthy: readonly number[];
  degraded: readonly number[];
  /** Balance over all hosts of the priority, whatever their health. */
  panic: readonly boolean[];
}>;

/**
 * Envoy's distribution over priorities: each is as available as its healthy hosts, overprovisioned (140: up to 28 percent may be
 * gone unnoticed); the first takes what it can, the rest goes on. Only when all together are less than 100 percent available
 * may a priority panic, if its healthy percentage is below the threshold; a threshold of 0 never panics.
 */
export function distributeLoad(
  priorities: readonly PriorityHealth[],
  overprovisioning: number,
  panicThreshold: number,
): PriorityLoad {
  const availability = (part: number, total: number) =>
    total === 0 ? 0 : Math.min(100, Math.floor((overprovisioning * part) / total));
  const healthy = priorities.map((p) => availability(p.healthy, p.total));
  const degraded = priorities.map((p) => availability(p.degraded, p.total));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  if (available === 0) return distributeWithoutHealth(priorities, panicThreshold);
  const toHealthy = take(healthy, available, 100);
  const toDegraded = take(degraded, available, 100 - sum(toHealthy));
  const rest = 100 - sum(toHealthy) - sum(toDegraded);
  // Rounding leaves a few percent over: they go to the first that is available.
  const target = healthy.some((percent) => percent > 0) ? toHealthy : toDegraded;
  const first = (target === toHealthy ? healthy : degraded).findIndex((percent) => percent > 0);
  target[first] = (target[first] ?? 0) + rest;
  const panic = priorities.map((p) => available < 100 && isBelow(p, panicThreshold));
  return { healthy: toHealthy, degraded: toDegraded, panic };
}

/** Nobody is healthy: all hosts of all priorities alike, or without panic nobody (which the first priority answers). */
function distributeWithoutHealth(priorities: readonly PriorityHealth[], panicThreshold: number): PriorityLoad {
  const panic = priorities.map(() => panicThreshold > 0);
  const degraded = priorities.map(() => 0);
  const hosts = sum(priorities.map(({ total }) => total));
  if (panicThreshold === 0 || hosts === 0)
    return { healthy: priorities.map((_, index) => (index === 0 ? 100 : 0)), degraded, panic };
  const healthy = priorities.map(({ total }) => Math.floor((100 * total) / hosts));
  const first = priorities.findIndex(({ total }) => total > 0);
  healthy[first] = (healthy[first] ?? 0) + 100 - sum(healthy);
  return { healthy, degraded, panic };
}

function take(availability: readonly number[], available: number, load: number): number[] {
  let left = load;
  return availability.map((percent) => {
    const share = Math.min(left, Math.floor((percent * 100) / available));
    left -= share;
    return share;
  });
}

function isBelow({ total, healthy, degraded }: PriorityHealth, panicThreshold: number): boolean {
  return total === 0 ? panicThreshold > 0 : (100 * healthy) / total + (100 * degraded) / total < panicThreshold;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
