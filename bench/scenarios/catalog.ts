/** All scenarios, in the order of the report. */
import { connectionScenarios } from './connections.ts';
import { grpcScenarios } from './grpc.ts';
import { http1Scenarios } from './http1.ts';
import { memoryScenarios } from './memory.ts';
import { openLoopScenarios } from './open-loop.ts';
import type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [
  ...http1Scenarios,
  ...grpcScenarios,
  ...openLoopScenarios,
  ...connectionScenarios,
  ...memoryScenarios,
];

/** What runs when nothing is said: short. */
export const defaultScenario = 'http1';

/** Those that the names mean: `all`, a name, or the beginning of names with a star; the name that means none is an error. */
export function findScenarios(names: readonly string[]): Scenario[] | Readonly<{ unknown: string }> {
  const matches = (name: string, { name: own }: Scenario) =>
    name === 'all' || own === name || (name.endsWith('*') && own.startsWith(name.slice(0, -1)));
  const unknown = names.find((name) => !scenarios.some((each) => matches(name, each)));
  if (unknown !== undefined) return { unknown };
  return scenarios.filter((each) => names.some((name) => matches(name, each)));
}
