/** From where a sidecar asks its own application: the address by which NAT rules know that it is not to be redirected (SEMANTICS 2.17). */

/** As in the clusters of the application's ports. */
export function ownSource(host: string): string {
  return host.includes(':') ? '::6' : '127.0.0.6';
}

/** Asks from that address; where there is no such address there are no such rules, and any will do. */
export async function fromOwnSource<T>(
  host: string,
  ask: (localAddress: string | undefined) => Promise<T>,
): Promise<T> {
  try {
    return await ask(ownSource(host));
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return await ask(undefined);
  }
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'EADDRNOTAVAIL') || isUnavailable(error.cause);
}
