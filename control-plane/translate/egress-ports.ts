import { isIP } from 'node:net';
import { isHttp } from '#shared/model/protocol.ts';
import { healthyWorkloads, type MeshIndex } from './mesh-index.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { httpProxyName } from './names.ts';
import { addressesIn, type Egress, type Scope } from './scope.ts';
import { portFor, speaksHttp } from './virtual-hosts.ts';

/** A listener with HTTP routes of its own: its address, its route configuration, and the port that its routes are for. */
export type HttpBinding = Readonly<{
  name: string;
  egress: Egress;
  address: string;
  port: number;
  routeName: string;
  /** `all`: every port of every service, as for an explicit proxy. */
  routesFor: number | 'all';
  /** Whether it listens itself; otherwise redirected connections are handed to it. */
  binds: boolean;
}>;

/** A service port that is reached as TCP, or whose protocol is found out. */
export type TcpBinding = Readonly<{
  egress: Egress;
  service: MeshService;
  port: MeshPort;
  address: string;
  /** Where the listener is: the service's port, unless a Sidecar declares another. */
  listenPort: number;
  /** CIDR blocks of the service, when it has no single address. */
  ranges: readonly string[];
  binds: boolean;
}>;

const anyAddress = '0.0.0.0';

/** Every HTTP listener that the clients of a scope need. The entry of a Sidecar with a port goes before the catch-all. */
export function httpBindings(scope: Scope): readonly HttpBinding[] {
  const bindings = new Map<string, HttpBinding>();
  const add = (binding: HttpBinding): void => {
    const key = `${binding.address}:${binding.port}`;
    bindings.set(key, bindings.get(key) ?? binding);
  };
  for (const egress of scope.egress) {
    const own = egress.spec?.port;
    if (own?.number !== undefined && isHttpSpec(own.protocol)) {
      const { address, binds } = ownAddress(scope, egress);
      const routesFor = own.protocol?.toUpperCase() === 'HTTP_PROXY' ? 'all' : own.number;
      const routeName = address === anyAddress ? String(own.number) : `${address}_${own.number}`;
      add({ name: `${address}_${own.number}`, egress, address, port: own.number, routeName, routesFor, binds });
    }
  }
  for (const egress of scope.egress.filter(({ spec }) => spec?.port === undefined)) {
    for (const port of httpPorts(scope, egress)) {
      const name = `${anyAddress}_${port}`;
      add({ name, egress, address: anyAddress, port, routeName: String(port), routesFor: port, binds: false });
    }
  }
  return scope.interception === 'NONE' ? [...bindings.values()].filter(({ binds }) => binds) : [...bindings.values()];
}

/**
 * Every TCP listener, one a service port and address; a headless service is reached at the addresses of its workloads.
 * Others without an address share the wildcard with HTTP.
 */
export function tcpBindings(index: MeshIndex, scope: Scope): readonly TcpBinding[] {
  return scope.egress.flatMap((egress) => {
    const own = egress.spec?.port;
    if (own?.number === undefined) {
      return scope.interception === 'NONE'
        ? []
        : egress.services.flatMap((service) => catchAllTcp({ index, scope, egress }, service));
    }
    if (isHttpSpec(own.protocol)) {
      return [];
    }
    const { address, binds } = ownAddress(scope, egress);
    return egress.services.flatMap((service): readonly TcpBinding[] => {
      const port = portFor(egress, service, own.number ?? 0);
      return port === undefined
        ? []
        : [{ egress, service, port, address, listenPort: own.number ?? 0, ranges: [], binds }];
    });
  });
}

/** Ports on which some service of an egress speaks HTTP on the wildcard address, in ascending order. */
export function httpPorts(scope: Scope, egress: Egress): readonly number[] {
  const ports = egress.services.flatMap((service) =>
    service.ports.filter(
      (port) => isHttp(port.protocol) || (port.protocol === 'auto' && !hasOwnListeners(scope, service)),
    ),
  );
  return [...new Set(ports.map(({ port }) => port))].toSorted((a, b) => a - b);
}

/** Ports on which some service of an egress speaks HTTP at all. */
export function everyHttpPort(egress: Egress): readonly number[] {
  const ports = egress.services.flatMap((service) => service.ports.filter(speaksHttp));
  return [...new Set(ports.map(({ port }) => port))].toSorted((a, b) => a - b);
}

/** The route configuration of a service port whose protocol is found out: that of this service alone. */
export function sniffedRouteName(service: MeshService, port: MeshPort): string {
  return `${service.host}:${port.port}`;
}

/** The explicit proxy of a scope without interception: everything that its catch-all entries see. */
export function proxyBinding(scope: Scope, port: number): HttpBinding | undefined {
  const egress = scope.egress.find(({ spec }) => spec?.port === undefined);
  return egress === undefined
    ? undefined
    : {
        name: httpProxyName,
        egress,
        address: '127.0.0.1',
        port,
        routeName: httpProxyName,
        routesFor: 'all',
        binds: true,
      };
}

type Clients = Readonly<{ index: MeshIndex; scope: Scope; egress: Egress }>;

function catchAllTcp({ index, scope, egress }: Clients, service: MeshService): readonly TcpBinding[] {
  const addresses = addressesIn(scope, service);
  const isHeadless = service.isKubernetes && service.resolution === 'NONE';
  const single = isHeadless
    ? // Nothing can be redirected that was on its way to a name.
      healthyWorkloads(index, service).flatMap(({ address }) => (isIP(address) === 0 ? [] : [address]))
    : addresses.filter((address) => !address.includes('/'));
  const ranges = addresses.filter((address) => address.includes('/'));
  return service.ports
    .filter(({ protocol }) => !isHttp(protocol))
    .flatMap((port): readonly TcpBinding[] => {
      const base = { egress, service, port, listenPort: port.port, binds: false };
      const own = single.map((address) => ({ ...base, address, ranges: [] }));
      if (ranges.length > 0) {
        return [...own, { ...base, address: anyAddress, ranges }];
      }
      const isShared = own.length === 0 && !isHeadless && port.protocol !== 'auto';
      return isShared ? [{ ...base, address: anyAddress, ranges: [] }] : own;
    });
}

function hasOwnListeners(scope: Scope, service: MeshService): boolean {
  return addressesIn(scope, service).length > 0 || (service.isKubernetes && service.resolution === 'NONE');
}

function ownAddress(scope: Scope, { spec }: Egress): Readonly<{ address: string; binds: boolean }> {
  const bind = spec?.bind ?? '';
  const isLocal = bind.startsWith('127.') || bind === '::1';
  const captures = spec?.captureMode ?? 'DEFAULT';
  const binds = captures === 'NONE' || (captures === 'DEFAULT' && (scope.interception === 'NONE' || isLocal));
  return { address: bind === '' ? (binds ? '127.0.0.1' : anyAddress) : bind, binds };
}

function isHttpSpec(protocol: string | undefined): boolean {
  return ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY'].includes((protocol ?? '').toUpperCase());
}
