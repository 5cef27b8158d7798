import { Alias, Document, isMap, isSeq, parseAllDocuments, visit, type Tags } from 'yaml';
import type { PatchOperation } from '#shared/kubernetes/admission-review.ts';
import { unescapeStep } from '#shared/injection/json-patch.ts';

/**
 * Text of YAML, changed in place: documents that nothing changes stay as they are written, letter by letter; in those that something
 * changes, comments, order and style of what is not changed stay.
 */

/** One document of a file: its text as it stands, and what it says; `null` where it cannot be changed (empty). */
export type TextPart = Readonly<{ text: string; document: Document | null; problem: string | null }>;

const marker = /^---(?=\s|$)/gm;

/** Kubernetes reads YAML 1.1: `0644` is octal, `on` is true. Times and sexagesimal numbers it has not. */
const kubernetesYaml = {
  version: '1.1',
  customTags: (tags: Tags) =>
    tags.filter((tag) => typeof tag === 'string' || (!tag.tag.endsWith(':timestamp') && tag.format !== 'TIME')),
  uniqueKeys: true,
  prettyErrors: true,
  logLevel: 'error',
} as const;

/** The documents of a file, in order; together their texts are the file. */
export function splitText(text: string): TextPart[] {
  const starts = [...text.matchAll(marker)].map(({ index }) => index);
  const cuts = [...new Set([0, ...starts])].filter((start) => start < text.length);
  return cuts.map((start, at) => readPart(text.slice(start, cuts[at + 1] ?? text.length)));
}

/** The text of a document after a patch of what stands at `path` in it. */
export function patchText(
  { text, document }: TextPart,
  patches: readonly Readonly<{ path: readonly (string | number)[]; patch: readonly PatchOperation[] }>[],
): string {
  if (document === null) return text;
  const changed = withoutAliases(document);
  for (const { path, patch } of patches) for (const operation of patch) applyTo(changed, path, operation);
  if (/^(?:---)?\s*[{[]/.test(text)) return `${JSON.stringify(changed.toJS(), null, 2)}\n`;
  return changed.toString({ lineWidth: 0, indentSeq: !/^( *)[^\s#-][^\n]*:[^\S\n]*\n\1- /m.test(text) });
}

function readPart(text: string): TextPart {
  const documents = parseAllDocuments(text, kubernetesYaml);
  const [document] = Array.isArray(documents) ? documents : [];
  if (document === undefined || document.contents === null) return { text, document: null, problem: null };
  const [error] = document.errors;
  return error === undefined ? { text, document, problem: null } : { text, document: null, problem: error.message };
}

/** What one place changes must not change at another that has it by an alias. */
function withoutAliases(document: Document): Document {
  let hasAlias = false;
  visit(document, (_key, node) => {
    if (node instanceof Alias) hasAlias = true;
  });
  return hasAlias
    ? new Document(document.toJS({ maxAliasCount: 100 }), { ...kubernetesYaml, aliasDuplicateObjects: false })
    : document;
}

function applyTo(document: Document, prefix: readonly (string | number)[], operation: PatchOperation): void {
  const steps = [...prefix, ...operation.path.split('/').slice(1).map(unescapeStep)];
  const last = String(steps.pop() ?? '');
  const parent: unknown = steps.length === 0 ? document.contents : document.getIn(steps, true);
  const node =
    operation.op === 'remove' ? null : document.createNode(operation.value, { aliasDuplicateObjects: false });
  if (isMap(parent)) {
    if (operation.op === 'remove') parent.delete(last);
    else parent.set(last, node);
  } else if (isSeq(parent)) {
    const index = last === '-' ? parent.items.length : Number(last);
    if (operation.op === 'remove') parent.items.splice(index, 1);
    else parent.items.splice(index, operation.op === 'add' ? 0 : 1, node);
  } else throw new RangeError(`${operation.path}: there is no place for it in the document`);
}
