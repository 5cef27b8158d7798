import { resolveHost } from '../model/hostname.ts';
import type { VirtualService } from '../model/resource.ts';
import type { Place } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

/** Something that a resource sends traffic to. The host is full. */
export type Reference = Place & Readonly<{ host: string; subset: string | undefined }>;

type Destination = Readonly<{ host: string; subset?: string | undefined }>;
type Found = readonly (readonly [path: string, destination: Destination])[];

/** Every destination of every route, mirror and split. */
export function findDestinations(view: MeshView): readonly Reference[] {
  const routed = view.ofKind('VirtualService').flatMap((resource) =>
    destinationsOf(resource.spec).map(([path, { host, subset }]) => ({
      resource,
      path,
      host: resolveHost(host, resource.metadata.namespace),
      subset: subset === '' ? undefined : subset,
    })),
  );
  const split = view.ofKind('TrafficSplit').flatMap((resource) =>
    resource.spec.backends.map(({ service }, index) => ({
      resource,
      path: `spec.backends[${index}].service`,
      host: resolveHost(service, resource.metadata.namespace),
      subset: undefined,
    })),
  );
  return [...routed, ...split];
}

function destinationsOf(spec: VirtualService['spec']): Found {
  const lists = { http: spec.http ?? [], tcp: spec.tcp ?? [], tls: spec.tls ?? [] };
  const routed = Object.entries(lists).flatMap(([name, rules]) =>
    rules.flatMap(({ route = [] }, rule) =>
      route.map(
        ({ destination }, index) => [`spec.${name}[${rule}].route[${index}].destination`, destination] as const,
      ),
    ),
  );
  return [...routed, ...lists.http.flatMap(mirrorsOf)];
}

function mirrorsOf(rule: NonNullable<VirtualService['spec']['http']>[number], index: number): Found {
  const one: Found = rule.mirror === undefined ? [] : [[`spec.http[${index}].mirror`, rule.mirror]];
  const several = (rule.mirrors ?? []).map(
    ({ destination }, at) => [`spec.http[${index}].mirrors[${at}].destination`, destination] as const,
  );
  return [...one, ...several];
}
