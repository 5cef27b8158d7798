import { analyze } from '#shared/analysis/analyze.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { claimedKey, parseResource, unhonouredKindCode } from '#shared/model/parse.ts';
import { resourceKey, type Resource } from '#shared/model/resource.ts';
import type { Problem } from '#shared/runtime/result.ts';
import { isDocument, parseYamlDocuments, type YamlDocument } from '#shared/model/yaml-documents.ts';
import { exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { formatList, type ListView } from '../output/print.ts';
import { readInput, type InputFile } from '../read-input.ts';
import { formatProblem } from '../resource-view.ts';

/** One thing that is wrong (or not honoured) in a file. */
export type FileProblem = Problem & Readonly<{ file: string; line: number; resource: string | null }>;

/** What became of all documents. */
export type Validation = Readonly<{ files: number; resources: number; problems: readonly FileProblem[] }>;

type Judged = Readonly<{ resource: Resource; file: string; document: YamlDocument }>;

/** `meshctl validate -f`: what is wrong with files, and what in them is not honoured. Exits 65 when something is refused. */
export async function validate(context: CommandContext, paths: readonly string[]): Promise<number> {
  const { files, resources, problems } = judge(readInput(paths));
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (context.format === 'table' || context.format === 'wide') {
    for (const problem of problems) context.out(`${formatProblem(problem.file, problem)}\n`);
  } else context.out(formatList(problems, view, context.format, context.withHeaders));
  const warnings = problems.length - errors;
  context.note(
    `${count(resources, 'resource')} in ${count(files, 'file')}: ${errors === 0 ? 'all are valid' : count(errors, 'error')}, ${count(warnings, 'warning')}`,
  );
  return errors === 0 ? exitCodes.ok : exitCodes.badInput;
}

/** Reads every document of some files, each by itself and then in view of the others. */
export function judge(inputs: readonly InputFile[]): Validation {
  const problems: FileProblem[] = [];
  const judged: Judged[] = [];
  let documents = 0;
  for (const { file, text } of inputs) {
    for (const read of parseYamlDocuments(text, file)) {
      documents++;
      if (!isDocument(read)) problems.push(...read.problems.map((problem) => unreadable(file, read.line, problem)));
      else judgeDocument(file, read, { problems, judged });
    }
  }
  return { files: inputs.length, resources: documents, problems: [...problems, ...findings(judged)].toSorted(byPlace) };
}

function judgeDocument(
  file: string,
  document: YamlDocument,
  { problems, judged }: Readonly<{ problems: FileProblem[]; judged: Judged[] }>,
): void {
  const result = parseResource(document.value);
  if (result.ok) judged.push({ resource: result.value, file, document });
  const isUnhonoured = !result.ok && result.problems.some(({ code }) => code === unhonouredKindCode);
  const resource = claimedKey(document.value);
  for (const problem of result.ok ? result.warnings : result.problems) {
    const severity = isUnhonoured ? 'warning' : problem.severity;
    problems.push({ ...problem, severity, file, line: document.lineOf(problem.path), resource });
  }
}

/** A problem of a document that is no YAML: its path is `FILE:LINE`. */
function unreadable(file: string, line: number, problem: Problem): FileProblem {
  const at = Number(problem.path.slice(problem.path.lastIndexOf(':') + 1));
  return { ...problem, path: '', file, line: Number.isInteger(at) && at > 0 ? at : line, resource: null };
}

/** What does not fit together. Never an error here: what is missing may well be in the mesh, only not in these files. */
function findings(judged: readonly Judged[]): readonly FileProblem[] {
  const byKey = new Map(judged.map((one) => [resourceKey(one.resource), one]));
  return analyze(
    judged.map(({ resource }) => resource),
    defaultMeshConfig,
  ).flatMap((finding) => {
    const place = byKey.get(finding.resource);
    if (place === undefined) return [];
    return [{ ...finding, severity: 'warning' as const, file: place.file, line: place.document.lineOf(finding.path) }];
  });
}

function byPlace(a: FileProblem, b: FileProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;

const view: ListView<FileProblem> = {
  columns: [],
  name: ({ resource, file, line }) => resource ?? `${file}:${line}`,
};
