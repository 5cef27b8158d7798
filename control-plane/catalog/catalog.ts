/**
 * The catalog: every configuration resource that the control plane holds, as one immutable value.
 *
 * In: `Change[]` from the sources (a folder of YAML, the registry of connected workloads; Kubernetes later).
 * Out: a new `Catalog`, or the same object when nothing changed. A bad document never replaces a good resource: its entry keeps
 * the last good version and carries the problems with file and line. `generation` counts contents, not events: it grows by one
 * for each batch that changed a resource.
 */
import type { Resource } from '#shared/model/resource.ts';
import type { Problem } from '#shared/runtime/result.ts';

/** Where a document came from. */
export type Origin = Readonly<{
  /** `file`, or who else made it (`registry`). */
  source: string;
  /** Path of the file, or a name of the maker's. */
  file: string;
  /** First line of the document, from 1; 0 when lines mean nothing. */
  line: number;
  /** `metadata.generation` of an object from Kubernetes: which version of it this is. */
  generation?: number | undefined;
}>;

/** A problem with the line it is on (0: unknown). */
export type LocatedProblem = Problem & Readonly<{ line: number }>;

/** What a source says about one resource, or about a file. */
export type Change =
  | Readonly<{ kind: 'upsert'; key: string; resource: Resource; origin: Origin; warnings: readonly LocatedProblem[] }>
  | Readonly<{ kind: 'invalid'; key: string; origin: Origin; problems: readonly LocatedProblem[] }>
  | Readonly<{ kind: 'remove'; key: string; origin: Origin }>
  /** Problems of a file that belong to no resource (syntax errors, unknown kinds); an empty list clears them. */
  | Readonly<{ kind: 'fileProblems'; file: string; problems: readonly LocatedProblem[] }>;

/** One resource with its state. */
export type CatalogEntry = Readonly<{
  key: string;
  /** The last good version; null if there never was one. */
  resource: Resource | null;
  /** Of the latest document, good or bad. */
  origin: Origin;
  /** Catalog generation at which the good version last changed. */
  generation: number;
  /** Why the latest document was refused; empty when it is the one in force. */
  problems: readonly LocatedProblem[];
  warnings: readonly LocatedProblem[];
}>;

export type Catalog = Readonly<{
  generation: number;
  entries: ReadonlyMap<string, CatalogEntry>;
  fileProblems: ReadonlyMap<string, readonly LocatedProblem[]>;
}>;

export const emptyCatalog: Catalog = { generation: 0, entries: new Map(), fileProblems: new Map() };

/** The good resources, in the order of their keys. */
export function resourcesOf(catalog: Catalog): Resource[] {
  return [...catalog.entries.values()].flatMap((entry) => (entry.resource === null ? [] : [entry.resource]));
}
