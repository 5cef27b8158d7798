import type { NamedSource } from '../net/listening-socket.ts';
import type { RequestHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';
import type { OriginalDestination } from '../upstream/original-hosts.ts';
import { parseAuthority } from './authority.ts';
import type { HttpService } from './plan.ts';

const redirected = new WeakMap<Connection, OriginalDestination>();

/**
 * Notes that a connection was on its way elsewhere and was redirected to us: its local address is where it was meant to go. `inNameOf`:
 * it is to be passed on as if its client did; null: as ours.
 */
export function markRedirected(connection: Connection, inNameOf: NamedSource | null): void {
  redirected.set(connection, { address: connection.localAddress, port: connection.localPort, inNameOf });
}

/**
 * Where a connection was meant to go before it was redirected; null if it was not. Then there is nowhere to pass it on to but ourselves,
 * over and over again (Envoy: an ORIGINAL_DST cluster has no host for a connection whose local address was not restored).
 */
export function originalDestinationOf(connection: Connection): OriginalDestination | null {
  return redirected.get(connection) ?? null;
}

/** Where a request is to go when no cluster knows better: to its host by name, if that is how clients use us, else where it was meant to go. */
export function destinationOf(
  service: HttpService,
  { authority }: RequestHead,
  connection: Connection,
): OriginalDestination | null {
  return service.isForwardProxy ? parseAuthority(authority) : originalDestinationOf(connection);
}
