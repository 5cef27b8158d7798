/** How the protocol of a port is told: `appProtocol`, then the prefix of the port's name, then well-known ports. */

/** What is spoken on a port; `auto`: found out from the first bytes of each connection. */
export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'udp'
  | 'mongo'
  | 'redis'
  | 'mysql'
  | 'auto';

/** What is known about a port. */
export type PortHints = Readonly<{
  name?: string | undefined;
  port: number;
  /** Of a Service's port, or the `protocol` of a ServiceEntry's or Sidecar's. */
  appProtocol?: string | undefined;
  /** Of a Service's port: TCP when absent. */
  transport?: string | undefined;
}>;

const byName: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  udp: 'udp',
  mongo: 'mongo',
  redis: 'redis',
  mysql: 'mysql',
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};
/** SMTP, DNS, MySQL, MongoDB: the server speaks first there (or nothing tells them), so there is nothing to wait for. */
const portsWithoutDetection: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** The protocol of a port. */
export function selectProtocol({ name, port, appProtocol, transport }: PortHints): Protocol {
  if (transport === 'UDP') return 'udp';
  const hint = hasText(appProtocol) ? appProtocol : (name ?? '');
  return parseProtocol(hint) ?? fromPrefix(hint) ?? (portsWithoutDetection.has(port) ? 'tcp' : 'auto');
}

/** The protocol that a name stands for, in letters of either case; `null` for an unknown one. */
export function parseProtocol(name: string): Protocol | null {
  const key = name.toLowerCase();
  return Object.hasOwn(byName, key) ? (byName[key] ?? null) : null;
}

/** Whether requests are seen: HTTP of any version, gRPC. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || isHttp2(protocol);
}

/** Whether it is HTTP/2 from the first byte. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** Whether it is encrypted by the application itself. */
export function isTls(protocol: Protocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}

function fromPrefix(name: string): Protocol | null {
  const lower = name.toLowerCase();
  if (lower.startsWith('grpc-web')) return 'grpc-web';
  const end = lower.indexOf('-');
  return end < 0 ? null : parseProtocol(lower.slice(0, end));
}

function hasText(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}
