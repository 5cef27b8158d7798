/** The node of an xDS request -> what the translation and the registry need of it. Metadata keys are Istio's. */
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import type { TypedValue } from '#shared/xds/typed.ts';
import type { JoiningWorkload } from './registry/registry.ts';
import type { ProxyNode } from './translate/translate.ts';

/** `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local`, as Istio's proxies call themselves. */
const nodeIdPattern = /^sidecar~([^~]+)~([^~]+)~([^~]+)$/;

const text = (value: TypedValue | undefined): string => (typeof value === 'string' ? value : '');
const isRecord = (value: TypedValue | undefined): value is { readonly [key: string]: TypedValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function stringMap(value: TypedValue | undefined): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  const scalars = Object.entries(value).filter(([, item]) => typeof item !== 'object');
  return Object.fromEntries(scalars.map(([key, item]) => [key, String(item)]));
}

/** Reads a node; what is missing or contradicts itself is refused by name. */
export function toProxyNode(node: XdsNode, mesh: MeshConfig): Result<ProxyNode> {
  const problems: Problem[] = [];
  const parts = nodeIdPattern.exec(node.id);
  if (parts === null) problems.push(problem('node.id', `${node.id} is not sidecar~IP~NAME.NAMESPACE~DOMAIN`));
  const { metadata } = node;
  const [shortName = '', ...rest] = (parts?.[2] ?? '').split('.');
  const namespace = text(metadata['NAMESPACE']) || rest.join('.');
  if (namespace === '') problems.push(problem('node.metadata.NAMESPACE', 'is needed'));
  const addresses = text(metadata['INSTANCE_IPS']) || (parts?.[1] ?? '');
  const proxyConfig = metadata['PROXY_CONFIG'];
  const own = isRecord(proxyConfig) ? stringMap(proxyConfig['proxyMetadata'])['TULLE_COMPAT'] : undefined;
  const locality = node.locality;
  if (problems.length > 0) return fail(problems);
  return ok({
    id: node.id,
    name: text(metadata['NAME']) || shortName,
    namespace,
    serviceAccount: text(metadata['SERVICE_ACCOUNT']) || 'default',
    labels: stringMap(metadata['LABELS']),
    ipAddresses: addresses.split(',').map((address) => address.trim()),
    locality: { region: locality?.region ?? '', zone: locality?.zone ?? '', subzone: locality?.sub_zone ?? '' },
    compat: (own ?? mesh.compat) === 'istio' ? 'istio' : 'tulle',
    metadata,
    interception: toInterception(text(metadata['INTERCEPTION_MODE'])),
  });
}

function toInterception(mode: string): ProxyNode['interception'] {
  return mode === 'NONE' || mode === 'TPROXY' ? mode : 'REDIRECT';
}

const isTrue = (value: unknown): boolean => value === true || value === 'true';

/** The workload of a node that asks to be registered (`TULLE_REGISTER`, or Istio's `AUTO_REGISTER_GROUP`); else null. */
export function toJoiningWorkload(node: ProxyNode): JoiningWorkload | null {
  const group = text(node.metadata['AUTO_REGISTER_GROUP'] as TypedValue | undefined);
  if (group === '' && !isTrue(node.metadata['TULLE_REGISTER'])) return null;
  const { region, zone, subzone } = node.locality;
  return {
    name: node.name,
    namespace: node.namespace,
    serviceAccount: node.serviceAccount,
    labels: node.labels,
    address: node.ipAddresses[0] ?? '',
    ports: portMap(node),
    locality: [region, zone, subzone].filter((part) => part !== '').join('/'),
    group,
  };
}

/** Application port -> port at which the sidecar takes its traffic, by the number as text. */
function portMap(node: ProxyNode): Readonly<Record<string, number>> {
  const inbound = node.metadata['TULLE_INBOUND'] as TypedValue | undefined;
  const ports = Object.entries(stringMap(inbound)).map(([port, listen]) => [port, Number(listen)] as const);
  return Object.fromEntries(ports.filter(([, listen]) => Number.isInteger(listen)));
}
