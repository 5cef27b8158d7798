import type { RequestHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';
import { parseAuthority } from './authority.ts';
import type { HttpService } from './plan.ts';

const redirected = new WeakSet<Connection>();

/** Notes that a connection was on its way elsewhere and was redirected to us: its local address is where it was meant to go. */
export function markRedirected(connection: Connection): void {
  redirected.add(connection);
}

/**
 * Where a connection was meant to go before it was redirected; null if it was not. Then there is nowhere to pass it on to but ourselves,
 * over and over again (Envoy: an ORIGINAL_DST cluster has no host for a connection whose local address was not restored).
 */
export function originalDestinationOf(connection: Connection): Readonly<{ address: string; port: number }> | null {
  return redirected.has(connection) ? { address: connection.localAddress, port: connection.localPort } : null;
}

/** Where a request is to go when no cluster knows better: to its host by name, if that is how clients use us, else where it was meant to go. */
export function destinationOf(service: HttpService, { authority }: RequestHead, connection: Connection) {
  return service.isForwardProxy ? parseAuthority(authority) : originalDestinationOf(connection);
}
