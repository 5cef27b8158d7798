import type { Labels } from '../model/selector.ts';
import { fail, ok, problem, type Problem, type Result } from '../runtime/result.ts';
import { isJsonObject } from './pod.ts';

/** A label selector of Kubernetes (meta/v1 LabelSelector): all of its parts must hold. */
export type LabelSelector = Readonly<{ matchLabels: Labels; matchExpressions: readonly LabelRequirement[] }>;

export type LabelRequirement = Readonly<{
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values: readonly string[];
}>;

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Whether labels match. A selector with nothing in it matches nothing here: Istio's injector passes over empty ones. */
export function selects({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  const wanted = Object.entries(matchLabels);
  return (
    wanted.length + matchExpressions.length > 0 &&
    wanted.every(([name, value]) => labels[name] === value) &&
    matchExpressions.every((requirement) => meets(requirement, labels[requirement.key]))
  );
}

function meets({ operator, values }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
  }
}

/** Reads a selector; `path` is where it stands. */
export function parseLabelSelector(value: unknown, path: string): Result<LabelSelector> {
  const problems: Problem[] = [];
  if (!isJsonObject(value)) return fail([problem(path, 'must be a label selector: matchLabels, matchExpressions')]);
  const { matchLabels = {}, matchExpressions = [], ...others } = value;
  for (const name of Object.keys(others)) problems.push(problem(`${path}.${name}`, 'is no part of a label selector'));
  const labels = isJsonObject(matchLabels) ? matchLabels : {};
  if (!isJsonObject(matchLabels) || !isTexts(Object.values(labels)))
    problems.push(problem(`${path}.matchLabels`, 'must be a map of texts'));
  const requirements = (Array.isArray(matchExpressions) ? matchExpressions : [null]).flatMap((one: unknown, index) => {
    const requirement = readRequirement(one);
    if (requirement === null)
      problems.push(
        problem(`${path}.matchExpressions[${index}]`, `must have key, operator (${operators.join(', ')}) and values`),
      );
    return requirement ?? [];
  });
  if (problems.length > 0) return fail(problems);
  return ok({ matchLabels: labels as Labels, matchExpressions: requirements });
}

function readRequirement(value: unknown): LabelRequirement | null {
  if (!isJsonObject(value)) return null;
  const { key, values = [] } = value;
  const operator = operators.find((one) => one === value['operator']);
  if (typeof key !== 'string' || operator === undefined || !isTexts(values)) return null;
  return { key, operator, values };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
