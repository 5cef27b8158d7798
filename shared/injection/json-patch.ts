import type { PatchOperation } from '../kubernetes/admission-review.ts';
import { isJsonObject, isSameJson, type JsonObject } from './pod.ts';

/**
 * JSON patches (RFC 6902): the least and always the same operations that make one document of another. Elements of a list are told
 * apart by what Kubernetes knows them by (a name, a mount path), so that an inserted container does not touch those after it.
 */

/** The operations that make `after` of `before`, in the order in which they apply. */
export function createPatch(before: unknown, after: unknown, path = ''): PatchOperation[] {
  if (isSameJson(before, after)) return [];
  if (isJsonObject(before) && isJsonObject(after)) return patchObject(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) {
    const [from, to] = [identities(before), identities(after)];
    if (from !== null && to !== null) return patchList(before, after, { from, to, path });
  }
  return [{ op: 'replace', path, value: after }];
}

/** What a document becomes by a patch; the document stays as it is. Throws for an operation that does not fit. */
export function applyPatch(document: unknown, patch: readonly PatchOperation[]): unknown {
  const holder: JsonObject = { root: structuredClone(document) };
  for (const operation of patch) {
    const steps = ['root', ...operation.path.split('/').slice(1).map(unescapeStep)];
    const last = steps.pop() ?? '';
    let parent: unknown = holder;
    for (const step of steps)
      parent = Array.isArray(parent) ? parent[Number(step)] : isJsonObject(parent) ? parent[step] : undefined;
    applyTo(parent, last, operation);
  }
  return holder['root'];
}

/** A member's name as a step of a path (RFC 6901). */
export const escapeStep = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** The name that a step of a path stands for. */
export const unescapeStep = (step: string) => step.replaceAll('~1', '/').replaceAll('~0', '~');

function applyTo(parent: unknown, step: string, operation: PatchOperation): void {
  const value = operation.op === 'remove' ? undefined : structuredClone(operation.value);
  if (Array.isArray(parent)) {
    const index = step === '-' ? parent.length : Number(step);
    const isThere = operation.op === 'add' ? index <= parent.length : index < parent.length;
    if (!Number.isInteger(index) || !isThere) throw new RangeError(`${operation.path}: there is no such element`);
    if (operation.op === 'remove') parent.splice(index, 1);
    else parent.splice(index, operation.op === 'add' ? 0 : 1, value);
    return;
  }
  if (!isJsonObject(parent) || (operation.op !== 'add' && !Object.hasOwn(parent, step)))
    throw new RangeError(`${operation.path}: there is no such member`);
  if (operation.op === 'remove') delete parent[step];
  else parent[step] = value;
}

function patchObject(before: JsonObject, after: JsonObject, path: string): PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const name of Object.keys(before).toSorted()) {
    const at = `${path}/${escapeStep(name)}`;
    if (!Object.hasOwn(after, name) || after[name] === undefined) operations.push({ op: 'remove', path: at });
    else operations.push(...createPatch(before[name], after[name], at));
  }
  for (const name of Object.keys(after).toSorted()) {
    if (!Object.hasOwn(before, name) && after[name] !== undefined)
      operations.push({ op: 'add', path: `${path}/${escapeStep(name)}`, value: after[name] });
  }
  return operations;
}

type ListPlace = Readonly<{ from: readonly string[]; to: readonly string[]; path: string }>;

/** Walks both lists along their longest common sequence of elements; `at` is the place in the list as it is by then. */
function patchList(
  before: readonly unknown[],
  after: readonly unknown[],
  { from, to, path }: ListPlace,
): PatchOperation[] {
  const operations: PatchOperation[] = [];
  const common = commonLengths(from, to);
  let [i, j, at] = [0, 0, 0];
  let length = before.length;
  while (i < from.length || j < to.length) {
    if (i < from.length && j < to.length && from[i] === to[j]) {
      operations.push(...createPatch(before[i++], after[j++], `${path}/${at++}`));
    } else if (j < to.length && (i >= from.length || lengthAt(common, i, j + 1) > lengthAt(common, i + 1, j))) {
      operations.push({ op: 'add', path: `${path}/${at === length ? '-' : at}`, value: after[j++] });
      at++;
      length++;
    } else {
      operations.push({ op: 'remove', path: `${path}/${at}` });
      i++;
      length--;
    }
  }
  return operations;
}

const lengthAt = (common: readonly (readonly number[])[], i: number, j: number) => common[i]?.[j] ?? 0;

/** The length of the longest common sequence of the ends of two lists, from each pair of places. */
function commonLengths(from: readonly string[], to: readonly string[]): number[][] {
  const lengths = Array.from({ length: from.length + 1 }, () => Array.from({ length: to.length + 1 }, () => 0));
  for (let i = from.length - 1; i >= 0; i--) {
    for (let j = to.length - 1; j >= 0; j--) {
      const row = lengths[i] ?? [];
      row[j] =
        from[i] === to[j]
          ? 1 + lengthAt(lengths, i + 1, j + 1)
          : Math.max(lengthAt(lengths, i + 1, j), lengthAt(lengths, i, j + 1));
    }
  }
  return lengths;
}

/** What each element is known by; null where elements have no name of their own, or two have the same. */
function identities(list: readonly unknown[]): string[] | null {
  const names = list.map((one) => (isJsonObject(one) ? (one['mountPath'] ?? one['name']) : undefined));
  if (!names.every((name) => typeof name === 'string') || new Set(names).size < names.length) return null;
  return names;
}
