/**
 * What is written into the status of a resource, as values. Conditions are those of Istio (`Reconciled`) and ours: `Accepted`, why or
 * why not, and `Distributed`, `applied N/M`; `validationMessages` are Istio's (codes and levels; the words stand in the conditions).
 * Conditions of others are kept as they are.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '#shared/runtime/result.ts';
import type { WideDistribution } from '../replicas.ts';

/** What is known of one version of a resource. */
export type ResourceFacts = Readonly<{
  key: string;
  /** `metadata.generation` of the version that this is about. */
  generation: number;
  /** Why the version was refused; empty when it is in force. */
  problems: readonly Problem[];
  /** What is not honoured, and what does not fit with other resources. */
  doubts: readonly Problem[];
  /** Whether a former version is in force while this one is refused. */
  hasFormer: boolean;
  distribution: WideDistribution;
}>;

export type Condition = Readonly<{
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
  observedGeneration: number;
}>;

export type ValidationMessage = Readonly<{
  type: Readonly<{ code: string }>;
  level: 'ERROR' | 'WARNING';
  documentationUrl: string;
}>;

/** The status that is wanted, without times. */
export type WantedStatus = Readonly<{
  conditions: readonly Condition[];
  validationMessages: readonly ValidationMessage[];
  observedGeneration: number;
}>;

const maxChars = 1000;
const documentation = 'https://istio.io/latest/docs/reference/config/analysis';

/** The status of a resource of which this is known. */
export function wantedStatus(facts: ResourceFacts): WantedStatus {
  const { generation } = facts;
  const conditions = [acceptedOf(facts), distributedOf(facts), reconciledOf(facts)];
  return {
    conditions: conditions.map((condition) => ({
      ...condition,
      message: condition.message.slice(0, maxChars),
      observedGeneration: generation,
    })),
    validationMessages: messagesOf([...facts.problems, ...facts.doubts]),
    observedGeneration: generation,
  };
}

/** Whether more than the count of proxies differs: a proxy more or less is told later than anything that matters. */
export function differsInSubstance(a: WantedStatus | undefined, b: WantedStatus): boolean {
  if (a === undefined) return true;
  const substance = ({ conditions, validationMessages, observedGeneration }: WantedStatus) => [
    conditions.map(({ type, status, reason }) => [type, status, reason]),
    conditions.find(({ type }) => type === 'Accepted')?.message,
    validationMessages,
    observedGeneration,
  ];
  return !isDeepStrictEqual(substance(a), substance(b));
}

/** A status as it is on the server; of any shape, since others write there too. */
export type StoredStatus = Readonly<Record<string, unknown>>;
type StoredCondition = Readonly<Record<string, unknown>>;

/** The members of a status that are to be written over the stored one, with the time of `now` where a condition turned; null: none. */
export function statusPatch(
  stored: StoredStatus,
  wanted: WantedStatus,
  now: string,
): Readonly<Record<string, unknown>> | null {
  const before = conditionsOf(stored);
  const ours = wanted.conditions.map((condition) => withTimes(before.find(isOfType(condition.type)), condition, now));
  const others = before.filter(({ type }) => !wanted.conditions.some((condition) => condition.type === type));
  const isSame =
    ours.every((condition) => before.some((stored) => saysTheSame(stored, condition))) &&
    isDeepStrictEqual(stored['validationMessages'] ?? [], wanted.validationMessages) &&
    String(stored['observedGeneration'] ?? wanted.observedGeneration) === String(wanted.observedGeneration);
  if (isSame) return null;
  const { validationMessages, observedGeneration } = wanted;
  const tellsMessages = validationMessages.length > 0 || stored['validationMessages'] !== undefined;
  return {
    conditions: [...others, ...ours],
    ...(tellsMessages ? { validationMessages } : {}),
    observedGeneration,
  };
}

type Told = Omit<Condition, 'observedGeneration'>;

function acceptedOf({ problems, doubts, hasFormer }: ResourceFacts): Told {
  const type = 'Accepted';
  if (problems.length > 0) {
    const former = hasFormer ? ' (the version before it stays in force)' : '';
    return { type, status: 'False', reason: 'Invalid', message: `${describeAll(problems)}${former}` };
  }
  return doubts.length === 0
    ? { type, status: 'True', reason: 'Accepted', message: 'valid' }
    : { type, status: 'True', reason: 'AcceptedWithWarnings', message: describeAll(doubts) };
}

function distributedOf({ problems, distribution }: ResourceFacts): Told {
  const type = 'Distributed';
  const { applied, total, refusals } = distribution;
  const message = `applied ${applied}/${total}`;
  if (problems.length > 0) return { type, status: 'False', reason: 'Invalid', message };
  if (applied === total) return { type, status: 'True', reason: total === 0 ? 'NoProxies' : 'Applied', message };
  if (refusals.length === 0) return { type, status: 'False', reason: 'Pending', message };
  return { type, status: 'False', reason: 'Refused', message: `${message}; refused by ${refusals.join('; ')}` };
}

/** As Istio writes it (pilot/pkg/status/distribution). */
function reconciledOf({ problems, distribution: { applied, total } }: ResourceFacts): Told {
  const isDone = problems.length === 0 && applied === total;
  return {
    type: 'Reconciled',
    status: isDone ? 'True' : 'False',
    reason: isDone ? 'Reconciled' : 'Reconciling',
    message: `${applied}/${total} proxies up to date.`,
  };
}

function messagesOf(problems: readonly Problem[]): readonly ValidationMessage[] {
  const messages = problems.flatMap(({ code, severity }): readonly ValidationMessage[] => {
    if (code === undefined) return [];
    const isIstio = code.startsWith('IST');
    const level = severity === 'error' ? 'ERROR' : 'WARNING';
    return [{ documentationUrl: isIstio ? `${documentation}/${code.toLowerCase()}/` : '', level, type: { code } }];
  });
  return messages.filter((one, at) => messages.findIndex((other) => isDeepStrictEqual(one, other)) === at);
}

function describeAll(problems: readonly Problem[]): string {
  return problems
    .map(
      ({ path, message, code }) =>
        `${path === '' ? '' : `${path}: `}${message}${code === undefined ? '' : ` [${code}]`}`,
    )
    .join('; ');
}

function conditionsOf(stored: StoredStatus): readonly StoredCondition[] {
  const { conditions } = stored;
  if (!Array.isArray(conditions)) return [];
  return conditions.filter((one): one is StoredCondition => typeof one === 'object' && one !== null);
}

const isOfType = (type: string) => (condition: StoredCondition) => condition['type'] === type;

function withTimes(before: StoredCondition | undefined, condition: Condition, now: string): StoredCondition {
  const turned = before?.['status'] !== condition.status || typeof before['lastTransitionTime'] !== 'string';
  return { ...condition, lastTransitionTime: turned ? now : before['lastTransitionTime'], lastProbeTime: now };
}

/** What a schema cut away counts as the same, else it would be written again and again. */
function saysTheSame(stored: StoredCondition, wanted: StoredCondition): boolean {
  if (stored['type'] !== wanted['type']) return false;
  return ['status', 'reason', 'message', 'observedGeneration'].every(
    (name) => stored[name] === undefined || String(stored[name]) === String(wanted[name]),
  );
}
