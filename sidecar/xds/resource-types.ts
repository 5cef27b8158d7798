import { fail, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { validateListener, validateRouteTable } from '../compile/validate.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';
import type { NameTable } from '../snapshot/name-table.ts';
import type { RouteTable } from '../snapshot/route.ts';
import {
  decodeClusterResource,
  decodeEndpointsResource,
  decodeListenerResource,
  decodeNameTableResource,
  decodeRouteResource,
} from './decode/decode-resource.ts';
import { PartPool } from './decode/part-pool.ts';

/** A decoded resource of any type. */
export type Decoded =
  | Readonly<{ type: 'cluster'; value: ClusterConfig }>
  | Readonly<{ type: 'endpoints'; value: Endpoints }>
  | Readonly<{ type: 'listener'; value: ListenerConfig }>
  | Readonly<{ type: 'routes'; value: RouteTable }>
  | Readonly<{ type: 'nameTable'; value: NameTable }>;

/**
 * The types that a sidecar asks for, in the order in which it asks; for names only when it has a DNS proxy. All but endpoints and
 * routes are asked for by wildcard.
 */
export const sidecarTypes = ['cluster', 'endpoints', 'listener', 'routes', 'nameTable'] as const;
export type SidecarType = (typeof sidecarTypes)[number];

/** The short name of a type url, or null. */
export function sidecarTypeOf(typeUrl: string): SidecarType | null {
  return sidecarTypes.find((type) => typeUrls[type] === typeUrl) ?? null;
}

function tagged<T extends SidecarType, V>(type: T, result: Result<V>): Result<Readonly<{ type: T; value: V }>> {
  return result.ok ? { ok: true, value: { type, value: result.value }, warnings: result.warnings } : result;
}

function checked<T>(result: Result<T>, validate: (value: T) => readonly Problem[]): Result<T> {
  if (!result.ok) return result;
  const problems = validate(result.value);
  return problems.length === 0 ? result : fail(problems);
}

/** Decodes a resource of one of these types, and sees that it can be compiled. Its parts are shared with others of the pool. */
export function decodeResource(type: SidecarType, message: TypedMessage, pool = new PartPool()): Result<Decoded> {
  const share = <T>(result: Result<T>): Result<T> =>
    result.ok ? { ...result, value: pool.share(result.value) } : result;
  const got = message['@type'];
  if (got !== typeUrls[type]) return fail([problem('@type', `must be ${typeUrls[type]}, not ${got}`)]);
  switch (type) {
    case 'cluster':
      return tagged(type, share(decodeClusterResource(message)));
    case 'endpoints':
      return tagged(type, share(decodeEndpointsResource(message)));
    case 'listener':
      return tagged(type, checked(share(decodeListenerResource(message)), validateListener));
    case 'routes':
      return tagged(type, checked(share(decodeRouteResource(message)), validateRouteTable));
    case 'nameTable':
      return tagged(type, decodeNameTableResource(message));
  }
}
