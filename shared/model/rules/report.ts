import { problem, warning, type Problem } from '../../runtime/result.ts';
import type { Field } from './field.ts';

/** The code of everything that Istio's schema or validation refuses. */
const schemaCode = 'IST0106';

/** Gathers what is wrong with one document. Where the schema refused a value, the rules have nothing to add. */
export class Report {
  readonly #errors: Problem[] = [];
  readonly #warnings: Problem[] = [];
  readonly #seen = new Set<string>();
  readonly #refusedBySchema = new Set<string>();

  /** The schema refuses a value: a later error at the same path would say it a second time. */
  refuse(field: Field, message: string): void {
    this.error(field, message);
    this.#refusedBySchema.add(field.path);
  }

  error(field: Field | string, message: string, code: string = schemaCode): void {
    if (code === schemaCode && this.#refusedBySchema.has(toPath(field))) return;
    this.#add(this.#errors, problem(toPath(field), message, code));
  }

  warn(field: Field | string, message: string, code: string = schemaCode): void {
    this.#add(this.#warnings, warning(toPath(field), message, code));
  }

  get errors(): readonly Problem[] {
    return this.#errors;
  }

  get warnings(): readonly Problem[] {
    return this.#warnings;
  }

  #add(list: Problem[], entry: Problem): void {
    const key = `${entry.severity}\n${entry.path}\n${entry.message}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    list.push(entry);
  }
}

function toPath(field: Field | string): string {
  return typeof field === 'string' ? field : field.path;
}
