import { isMap, isNode, LineCounter, parseAllDocuments, type Document } from 'yaml';
import { problem, type Problem } from '../runtime/result.ts';
import { isRecord } from './rules/field.ts';

/**
 * A file of YAML (or JSON) comes in, and out go its documents, each with its value or with what is wrong with it: a
 * mistake in one document never disturbs the others. A `List` is expanded into its items. Text is foreign: names may
 * not stand twice, and aliases may not blow a document up.
 */

/** One document that was read; an item of a `List` counts as one. */
export type YamlDocument = Readonly<{
  /** Which document of the file it is, from 0. */
  index: number;
  fileName: string;
  /** The line on which it begins, from 1. */
  line: number;
  value: unknown;
  /** The line of a problem's path, or of the nearest thing above it that is there. */
  lineOf: (path: string) => number;
}>;

/** One document that could not be read. Paths of its problems are `FILE:LINE`. */
export type YamlFailure = Readonly<{ index: number; fileName: string; line: number; problems: readonly Problem[] }>;

/** What became of one document. */
export type DocumentRead = YamlDocument | YamlFailure;

type Step = string | number;

const maxAliasCount = 100;
const syntaxCode = 'TUL0105';
const marker = /^---(?=\s|$)/gm;

/** Whether a document was read. */
export function isDocument(read: DocumentRead): read is YamlDocument {
  return 'value' in read;
}

/** The documents of a file, in order; empty ones are left out. */
export function parseYamlDocuments(text: string, fileName: string): readonly DocumentRead[] {
  const reads: DocumentRead[] = [];
  for (const part of splitDocuments(text)) {
    for (const read of readPart(part, fileName)) reads.push({ ...read, index: reads.length });
  }
  return reads;
}

/** Documents are cut apart before they are parsed: a quote left open would swallow all that follow. */
function splitDocuments(text: string): readonly Readonly<{ text: string; line: number }>[] {
  const starts = [...text.matchAll(marker)].map(({ index }) => index);
  const first = starts[0] ?? 0;
  // What stands before the first document by itself may be directives, which belong to it.
  const cuts = [
    ...new Set([0, ...starts.filter((start) => start > first || !isPreamble(text.slice(0, start)))]),
    text.length,
  ];
  let line = 1;
  return cuts.slice(0, -1).map((start, at) => {
    const part = { text: text.slice(start, cuts[at + 1]), line };
    line += part.text.split('\n').length - 1;
    return part;
  });
}

function isPreamble(text: string): boolean {
  return text.split('\n').every((line) => /^(?:\uFEFF?[%#].*|\uFEFF?\s*)$/.test(line));
}

function readPart(part: Readonly<{ text: string; line: number }>, fileName: string): readonly DocumentRead[] {
  const counter = new LineCounter();
  const documents = parseAllDocuments(part.text, {
    lineCounter: counter,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'error',
  });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const toLine = (offset: number) => part.line - 1 + Math.max(counter.linePos(offset).line, 1);
    return readDocument(document, { fileName, toLine });
  });
}

function readDocument(
  document: Document.Parsed,
  { fileName, toLine }: Readonly<{ fileName: string; toLine: (offset: number) => number }>,
): readonly DocumentRead[] {
  const line = toLine(document.contents?.range[0] ?? document.range[0]);
  const problems = document.errors.map(({ message, pos }) =>
    problem(`${fileName}:${toLine(pos[0])}`, message, syntaxCode),
  );
  if (problems.length > 0) return [{ index: 0, fileName, line, problems }];
  const value = toValue(document);
  if (!value.ok)
    return [{ index: 0, fileName, line, problems: [problem(`${fileName}:${line}`, value.reason, syntaxCode)] }];
  if (value.value === null || value.value === undefined) return [];
  const lineAt = (steps: readonly Step[]) => lineOfSteps(document, steps, toLine) ?? line;
  return expand(value.value, []).map(({ value: item, prefix }) => ({
    index: 0,
    fileName,
    line: lineAt(prefix),
    value: item,
    lineOf: (path) => lineAt([...prefix, ...parsePath(path)]),
  }));
}

type Converted = Readonly<{ ok: true; value: unknown } | { ok: false; reason: string }>;

function toValue(document: Document.Parsed): Converted {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount }) };
  } catch (error) {
    // The library throws for aliases only: too many of them, or one without an anchor.
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** A document, or the items of a `List` (`ServiceList` and the like carry the kind of their items in their name). */
function expand(
  value: unknown,
  prefix: readonly Step[],
): readonly Readonly<{ value: unknown; prefix: readonly Step[] }>[] {
  const isList = isRecord(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List');
  if (!isList || !Array.isArray(value['items'])) return [{ value, prefix }];
  return value['items'].map((item: unknown, index) => ({ value: item, prefix: [...prefix, 'items', index] }));
}

function lineOfSteps(
  document: Document.Parsed,
  steps: readonly Step[],
  toLine: (offset: number) => number,
): number | undefined {
  for (let depth = steps.length; depth >= 0; depth--) {
    const above = document.getIn(steps.slice(0, depth - 1), true);
    const last = steps[depth - 1];
    const key = isMap(above) ? above.items.find((pair) => keyOf(pair.key) === last)?.key : undefined;
    const node = depth > 0 && isNode(key) ? key : document.getIn(steps.slice(0, depth), true);
    if (isNode(node) && node.range) return toLine(node.range[0]);
  }
  return undefined;
}

function keyOf(key: unknown): unknown {
  return isNode(key) ? key.toJSON() : key;
}

/** The steps of a problem's path: `spec.http[0].match[0].headers["x.y"]`. */
function parsePath(path: string): readonly Step[] {
  const steps: Step[] = [];
  for (const [, index, quoted, name] of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)) {
    if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(String(JSON.parse(quoted)));
    else if (name !== undefined) steps.push(name);
  }
  return steps;
}
