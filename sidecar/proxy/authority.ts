/** `host[:port]` of a request; the port of plain HTTP where none is named. Null for an empty host. */
export function parseAuthority(
  authority: string,
  defaultPort = 80,
): Readonly<{ address: string; port: number }> | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(authority);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  return address === '' || port > 65_535 ? null : { address, port };
}
