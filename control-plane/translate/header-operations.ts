import type { TypedObject } from '#shared/xds/typed.ts';
import { compareText } from '#shared/model/by-age.ts';
import { compact, nonEmpty } from './typed-builder.ts';

/** `headers` of a rule or of a destination. */
export type Headers = Readonly<{ request?: HeaderChange; response?: HeaderChange }>;
type HeaderChange = Readonly<{
  set?: Readonly<Record<string, string>>;
  add?: Readonly<Record<string, string>>;
  remove?: readonly string[];
}>;

/** Header changes as a route has them, and the authority if one is set this way. */
export type HeaderOperations = Readonly<{
  requestAdd: readonly TypedObject[];
  requestRemove: readonly string[];
  responseAdd: readonly TypedObject[];
  responseRemove: readonly string[];
  authority?: string | undefined;
}>;

/** Reads header changes. Pseudo headers and `host` cannot be changed, except that setting the authority rewrites it. */
export function headerOperations(headers: Headers | undefined): HeaderOperations {
  const { request, response } = headers ?? {};
  return {
    requestAdd: additions(request),
    requestRemove: (request?.remove ?? []).filter(isPlain),
    responseAdd: additions(response),
    responseRemove: (response?.remove ?? []).filter(isPlain),
    authority: authorityIn(request?.set) ?? authorityIn(request?.add),
  };
}

/** Two sets of changes, one after the other. */
export function concatOperations(first: HeaderOperations, second: HeaderOperations): HeaderOperations {
  return {
    requestAdd: [...first.requestAdd, ...second.requestAdd],
    requestRemove: [...first.requestRemove, ...second.requestRemove],
    responseAdd: [...first.responseAdd, ...second.responseAdd],
    responseRemove: [...first.responseRemove, ...second.responseRemove],
    authority: first.authority ?? second.authority,
  };
}

/** The fields of a route or of a weighted cluster. */
export function headerFields(operations: HeaderOperations): TypedObject {
  return compact({
    request_headers_to_add: nonEmpty(operations.requestAdd),
    request_headers_to_remove: nonEmpty(operations.requestRemove),
    response_headers_to_add: nonEmpty(operations.responseAdd),
    response_headers_to_remove: nonEmpty(operations.responseRemove),
  });
}

function additions(change: HeaderChange | undefined): readonly TypedObject[] {
  const list = (headers: Readonly<Record<string, string>> | undefined, action: string | undefined) =>
    Object.entries(headers ?? {})
      .filter(([key]) => isPlain(key))
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([key, value]) => compact({ header: { key, value }, append_action: action }));
  // APPEND_IF_EXISTS_OR_ADD is the default of the field.
  return [...list(change?.set, 'OVERWRITE_IF_EXISTS_OR_ADD'), ...list(change?.add, undefined)];
}

function isPlain(name: string): boolean {
  return !name.startsWith(':') && name.toLowerCase() !== 'host';
}

function authorityIn(headers: Readonly<Record<string, string>> | undefined): string | undefined {
  return Object.entries(headers ?? {}).find(([name]) => ['host', ':authority'].includes(name.toLowerCase()))?.[1];
}
