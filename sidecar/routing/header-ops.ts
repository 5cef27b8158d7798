import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { HeaderAction, HeaderOps } from '../snapshot/route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { FormatPart } from '../telemetry/format.ts';
import { parseFormat, renderParts } from '../telemetry/format.ts';
import { problem } from '#shared/runtime/result.ts';
import type { CompileScope } from './regex.ts';
import { within } from './regex.ts';
import { rewriteHost } from './rewrite.ts';
import { isFieldName, wireText } from './wire-text.ts';

type Addition = Readonly<{
  name: string;
  action: HeaderAction;
  keepEmpty: boolean;
  /** The value if it is the same for every request, else null. */
  constant: string | null;
  parts: readonly FormatPart[];
}>;

/**
 * Header changes of one level (route, virtual host, ...), compiled. In Envoy's order: removals, then what overwrites, then what is
 * added; all values are those from before the changes. Values may be format strings, in which what is missing prints nothing.
 */
export class CompiledHeaderOps {
  readonly #remove: readonly string[];
  readonly #additions: readonly Addition[];
  readonly #isConstant: boolean;

  constructor(ops: HeaderOps, scope: CompileScope) {
    const additions = ops.add.map((op, index) => compileAddition(op, within(scope, `add[${index}]`)));
    const isAdded = ({ action }: Addition) => action === 'append' || action === 'add_if_absent';
    this.#additions = [...additions.filter((op) => !isAdded(op)), ...additions.filter(isAdded)];
    // The authority of a request cannot be taken away.
    this.#remove = ops.remove
      .map((name) => name.toLowerCase())
      .filter((name) => name !== 'host' && !name.startsWith(':'));
    this.#isConstant = additions.every(({ constant }) => constant !== null);
  }

  /** Changes a request; setting `host` or `:authority` rewrites the host. */
  applyToRequest(head: RequestHead, record: AccessRecord): void {
    this.#apply(head.headers, head, record);
  }

  /** Changes a response. */
  applyToResponse(headers: HeaderMap, record: AccessRecord): void {
    this.#apply(headers, null, record);
  }

  #apply(headers: HeaderMap, head: RequestHead | null, record: AccessRecord): void {
    const values = this.#isConstant ? null : this.#additions.map(({ parts }) => renderParts(parts, record, ''));
    for (const name of this.#remove) headers.remove(name);
    for (let i = 0; i < this.#additions.length; i++) {
      const addition = this.#additions[i];
      if (addition === undefined) continue;
      const value = values?.[i] ?? addition.constant ?? '';
      if (value === '' && !addition.keepEmpty) continue;
      if (head !== null && addition.name === 'host') rewriteHost(head, value);
      else change(headers, addition, value);
    }
  }
}

function change(headers: HeaderMap, { name, action }: Addition, value: string): void {
  switch (action) {
    case 'append':
      headers.add(name, value);
      break;
    case 'overwrite':
      headers.set(name, value);
      break;
    case 'add_if_absent':
      if (!headers.has(name)) headers.add(name, value);
      break;
    case 'overwrite_if_exists':
      if (headers.has(name)) headers.set(name, value);
      break;
  }
}

function compileAddition(op: HeaderOps['add'][number], scope: CompileScope): Addition {
  const lower = op.name.toLowerCase();
  const name = lower === ':authority' ? 'host' : lower;
  if (!isFieldName(name)) scope.problems.push(problem(scope.path, `the header ${name} may not be set`));
  const parts = parseFormat(wireText(op.value, within(scope, 'value')), within(scope, 'value'));
  const constant = parts.every((part) => typeof part === 'string') ? parts.join('') : null;
  return { name, action: op.action, keepEmpty: op.keepEmpty, constant, parts };
}

/** Compiles several levels in the order in which they are applied; levels that change nothing are left out. */
export function compileLevels(
  levels: readonly (readonly [path: string, ops: HeaderOps])[],
  scope: CompileScope,
): readonly CompiledHeaderOps[] {
  return levels
    .filter(([, ops]) => ops.add.length > 0 || ops.remove.length > 0)
    .map(([path, ops]) => new CompiledHeaderOps(ops, within(scope, path)));
}
