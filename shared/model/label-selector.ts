import type { Labels } from './selector.ts';

/** Kubernetes' LabelSelector: everything that it says must hold; one that says nothing selects everything. */
export type LabelSelector = Readonly<{
  matchLabels: Labels;
  matchExpressions: readonly LabelExpression[];
}>;

export const labelOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

export type LabelExpression = Readonly<{
  key: string;
  operator: (typeof labelOperators)[number];
  values: readonly string[];
}>;

/** Whether a selector selects something with these labels. */
export function selectsLabels({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => valueOf(labels, name) === value) &&
    matchExpressions.every((expression) => holds(expression, valueOf(labels, expression.key)))
  );
}

function holds({ operator, values }: LabelExpression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

function valueOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}
