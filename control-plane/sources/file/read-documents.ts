/** The text of a file -> its documents as the folder's memory takes them: parsed, or with their problems and lines. */
import { parseResource, unhonouredKindCode } from '#shared/model/parse.ts';
import { resourceKey } from '#shared/model/resource.ts';
import type { Problem } from '#shared/runtime/result.ts';
import { isDocument, parseYamlDocuments, type YamlDocument } from '#shared/model/yaml-documents.ts';
import type { LocatedProblem } from '../../catalog/catalog.ts';
import type { FileDocument } from './folder-state.ts';

/** Reads all documents of a file. */
export function readDocuments(text: string, file: string): readonly FileDocument[] {
  return parseYamlDocuments(text, file).map((read) => {
    if (isDocument(read)) return toFileDocument(read);
    const problems = read.problems.map((problem) => ({ ...problem, line: read.line }));
    return { kind: 'unknown', line: read.line, isHarmless: false, problems };
  });
}

function toFileDocument(document: YamlDocument): FileDocument {
  const { line } = document;
  const located = (problem: Problem): LocatedProblem => ({ ...problem, line: document.lineOf(problem.path) });
  const result = parseResource(document.value);
  if (result.ok) {
    const resource = result.value;
    return { kind: 'good', key: resourceKey(resource), line, resource, warnings: result.warnings.map(located) };
  }
  if (result.problems.some(({ code }) => code === unhonouredKindCode)) {
    const problems = result.problems.map((problem) => ({ ...located(problem), severity: 'warning' as const }));
    return { kind: 'unknown', line, isHarmless: true, problems };
  }
  const key = keyOf(document.value);
  const problems = result.problems.map(located);
  return key === null ? { kind: 'unknown', line, isHarmless: false, problems } : { kind: 'bad', key, line, problems };
}

/** The key of a refused document, as far as its kind and name can be read. */
function keyOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('metadata' in value)) return null;
  const { kind, metadata } = value;
  if (typeof kind !== 'string' || typeof metadata !== 'object' || metadata === null || !('name' in metadata))
    return null;
  const namespace = 'namespace' in metadata && typeof metadata.namespace === 'string' ? metadata.namespace : 'default';
  return typeof metadata.name === 'string' ? resourceKey({ kind, metadata: { name: metadata.name, namespace } }) : null;
}
