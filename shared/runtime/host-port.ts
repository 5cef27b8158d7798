/** Where something listens or is found. */
export type HostPort = Readonly<{ host: string; port: number }>;

/** `address:port`, IPv6 in brackets. */
export function formatHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Reads `HOST:PORT` or `[v6]:PORT`; null for anything else. */
export function parseHostPort(text: string): HostPort | null {
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return digits === undefined || port > 65_535 ? null : { host: v6 ?? name ?? '', port };
}
