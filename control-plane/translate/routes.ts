import type { TypedMessage, TypedObject } from '#shared/xds/typed.ts';
import { everyHttpPort, type HttpBinding, httpBindings, sniffedRouteName, tcpBindings } from './egress-ports.ts';
import type { MeshIndex } from './mesh-index.ts';
import type { Scope } from './scope.ts';
import { typed } from './typed-builder.ts';
import { catchAllHost, virtualHostsOn } from './virtual-hosts.ts';

/** The route configurations of a scope, by name: one an HTTP listener, and one a service port that is sniffed. */
export function routeConfigurations(index: MeshIndex, scope: Scope): ReadonlyMap<string, TypedMessage> {
  const configurations = new Map<string, TypedMessage>();
  for (const binding of httpBindings(scope)) {
    if (!configurations.has(binding.routeName)) {
      configurations.set(binding.routeName, routesOfBinding(index, scope, binding));
    }
  }
  for (const { egress, service, port } of tcpBindings(index, scope)) {
    const name = sniffedRouteName(service, port);
    if (port.protocol === 'auto' && !configurations.has(name)) {
      const hosts = virtualHostsOn(index, scope, egress, { port: port.port, withPort: false });
      const own = hosts.filter((host) => host['name'] === name).map((host) => ({ ...host, domains: ['*'] }));
      configurations.set(
        name,
        remember(index, scope, name, () => toConfiguration(name, own, true)),
      );
    }
  }
  return configurations;
}

/** The routes of one HTTP listener. As an explicit proxy it serves all ports, and the port of the request counts. */
export function routesOfBinding(index: MeshIndex, scope: Scope, binding: HttpBinding): TypedMessage {
  const { egress, routeName, routesFor } = binding;
  return remember(index, scope, routeName, () => {
    const ports = routesFor === 'all' ? everyHttpPort(egress) : [routesFor];
    const withPort = routesFor === 'all';
    const hosts = ports.flatMap((port) => virtualHostsOn(index, scope, egress, { port, withPort }));
    const [only] = hosts;
    if (binding.binds && !withPort && scope.compat === 'tulle' && only !== undefined && hosts.length === 1) {
      // A local port that leads to one service: applications say `localhost` there.
      return toConfiguration(routeName, [{ ...only, domains: ['*'] }], true);
    }
    return toConfiguration(routeName, [...hosts, catchAllHost(scope)], !withPort);
  });
}

function remember(index: MeshIndex, scope: Scope, name: string, build: () => TypedMessage): TypedMessage {
  return index.memo.get(`routes/${scope.key}/${name}`, scope.inputs, build);
}

function toConfiguration(name: string, hosts: readonly TypedObject[], ignoresPort: boolean): TypedMessage {
  return typed('envoy.config.route.v3.RouteConfiguration', {
    name,
    virtual_hosts: hosts,
    validate_clusters: false,
    max_direct_response_body_size_bytes: 1_048_576,
    ignore_port_in_host_matching: ignoresPort ? true : undefined,
  });
}
