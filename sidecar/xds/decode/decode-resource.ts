/**
 * xDS resources in typed form -> the sidecar's own types. One decoder serves resources from the wire and from bootstrap files.
 * What is malformed or not supported is refused with the path of the field, all problems at once; nothing is ignored in silence.
 */
import { fail, ok, type Problem, type Result } from '#shared/runtime/result.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import type { ClusterConfig } from '../../snapshot/cluster.ts';
import type { Endpoints } from '../../snapshot/endpoints.ts';
import type { ListenerConfig } from '../../snapshot/listener.ts';
import type { NameTable } from '../../snapshot/name-table.ts';
import type { RouteTable } from '../../snapshot/route.ts';
import { decodeCluster } from './cluster.ts';
import { decodeEndpoints } from './endpoints.ts';
import { decodeListener } from './listener.ts';
import { decodeNameTable } from './name-table.ts';
import { Reader } from './reader.ts';
import { decodeRouteTable } from './route.ts';

function decodeWith<T>(decode: (reader: Reader) => T, message: TypedMessage, path: string): Result<T> {
  const problems: Problem[] = [];
  const value = decode(new Reader(message, path, problems));
  return problems.length === 0 ? ok(value) : fail(problems);
}

/** A cluster; problem paths start at `path` (empty: at the resource itself). */
export const decodeClusterResource = (message: TypedMessage, path = ''): Result<ClusterConfig> =>
  decodeWith(decodeCluster, message, path);

/** A cluster's endpoints. */
export const decodeEndpointsResource = (message: TypedMessage, path = ''): Result<Endpoints> =>
  decodeWith(decodeEndpoints, message, path);

/** A listener. */
export const decodeListenerResource = (message: TypedMessage, path = ''): Result<ListenerConfig> =>
  decodeWith(decodeListener, message, path);

/** The names for the DNS proxy. */
export const decodeNameTableResource = (message: TypedMessage, path = ''): Result<NameTable> =>
  decodeWith(decodeNameTable, message, path);

/** A route configuration. */
export const decodeRouteResource = (message: TypedMessage, path = ''): Result<RouteTable> =>
  decodeWith(decodeRouteTable, message, path);
