import type { TypedObject } from '#shared/xds/typed.ts';
import type { LocalitySetting, PolicyBlocks } from '../traffic-policy.ts';
import { compact } from '../typed-builder.ts';

type Labels = Readonly<Record<string, string>>;

/** An endpoint with what its place in the assignment depends on. */
export type PlacedEndpoint = Readonly<{ message: TypedObject; weight: number; labels: Labels }>;

/** The endpoints of one place. */
export type LocalityGroup = Readonly<{
  /** `region/zone/subzone`; empty when unknown. */
  locality: string;
  endpoints: readonly PlacedEndpoint[];
}>;

/** Who is to use the endpoints. */
export type LocalityClient = Readonly<{ locality: string; labels: Labels }>;

/**
 * `endpoints` of an assignment as a client in one place sees them. With outlier detection, endpoints that share less with the
 * client (labels of `failoverPriority`, else places) get a lower priority: they take over when the nearer ones are ejected. With
 * `distribute`, the shares are the rule's.
 */
export function spreadOverLocalities(
  groups: readonly LocalityGroup[],
  client: LocalityClient,
  policy: PolicyBlocks | undefined,
): readonly TypedObject[] {
  const setting = policy?.loadBalancer?.localityLbSetting;
  if (setting?.enabled === false) {
    return groups.map((group) => toLocality(group, weightOf(group), 0));
  }
  const isPlaced = client.locality !== '//';
  const shares = isPlaced ? distribution(setting, client.locality) : undefined;
  if (shares !== undefined) {
    return distribute(groups, shares);
  }
  const fails = policy?.outlierDetection !== undefined;
  const wanted = fails ? (setting?.failoverPriority ?? []) : [];
  const looksAtPlaces = fails && isPlaced && (wanted.length === 0 || (setting?.failover ?? []).length > 0);
  const bands = groups.flatMap((group) => bandsOf(group, client, wanted));
  const ranks = bands.map(
    ({ group, band }) => band * 5 + (looksAtPlaces ? distance(group.locality, client.locality, setting) : 0),
  );
  const levels = [...new Set(ranks)].toSorted((a, b) => a - b);
  return bands.map(({ group }, i) => toLocality(group, weightOf(group), levels.indexOf(ranks[i] ?? 0)));
}

/** What a client or an endpoint has for a label of `failoverPriority`: those of topology come from its place. */
export function labelFor(name: string, { locality, labels }: LocalityClient): string {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  switch (name) {
    case 'topology.kubernetes.io/region':
      return region || (labels[name] ?? '');
    case 'topology.kubernetes.io/zone':
      return zone || (labels[name] ?? '');
    case 'topology.istio.io/subzone':
      return subzone || (labels[name] ?? '');
    default:
      return labels[name] ?? '';
  }
}

/** A place's endpoints by how many of the wanted labels they have as the client (or as `label=value` says), the most first. */
function bandsOf(
  { locality, endpoints }: LocalityGroup,
  client: LocalityClient,
  wanted: readonly string[],
): readonly Readonly<{ group: LocalityGroup; band: number }>[] {
  const conditions = wanted.map((text) => {
    const [name = '', value, ...rest] = text.split('=');
    return { name, value: value === undefined || rest.length > 0 ? labelFor(name, client) : value };
  });
  const bandOf = ({ labels }: PlacedEndpoint): number => {
    const missed = conditions.findIndex(({ name, value }) => labelFor(name, { locality, labels }) !== value);
    return missed < 0 ? 0 : conditions.length - missed;
  };
  return [...Map.groupBy(endpoints, bandOf)]
    .toSorted(([a], [b]) => a - b)
    .map(([band, members]) => ({ group: { locality, endpoints: members }, band }));
}

/** 0 for the same sub-zone, 1 zone, 2 region; beyond it 3, or 4 when the rule fails over to another region. */
function distance(locality: string, client: string, setting: LocalitySetting | undefined): number {
  const [region, zone, subzone] = locality.split('/');
  const [clientRegion, clientZone, clientSubzone] = client.split('/');
  if (region !== clientRegion) {
    const target = setting?.failover?.find(({ from }) => from === clientRegion)?.to;
    return target === undefined || target === region ? 3 : 4;
  }
  if ((zone ?? '') !== (clientZone ?? '')) {
    return 2;
  }
  return (subzone ?? '') === (clientSubzone ?? '') ? 0 : 1;
}

function distribution(
  setting: LocalitySetting | undefined,
  client: string,
): readonly Readonly<{ place: string; percent: number }>[] | undefined {
  const rule = setting?.distribute?.find(({ from }) => covers(from ?? '*', client));
  return rule === undefined ? undefined : Object.entries(rule.to ?? {}).map(([place, percent]) => ({ place, percent }));
}

/** Each share goes to the places that it covers, by the weights that they have; places without a share get nothing. */
function distribute(
  groups: readonly LocalityGroup[],
  shares: readonly Readonly<{ place: string; percent: number }>[],
): readonly TypedObject[] {
  const shareOf = (group: LocalityGroup) =>
    shares.filter(({ place }) => covers(place, group.locality)).toSorted((a, b) => b.place.length - a.place.length)[0];
  return groups.flatMap((group) => {
    const share = shareOf(group);
    if (share === undefined || share.percent === 0) {
      return [];
    }
    const peers = groups.filter((other) => shareOf(other) === share);
    const total = peers.reduce((sum, peer) => sum + weightOf(peer), 0);
    return [toLocality(group, Math.ceil((share.percent * weightOf(group)) / total), 0)];
  });
}

/** Whether a place such as `region/zone/*` or `region` covers a locality. */
function covers(place: string, locality: string): boolean {
  const parts = locality.split('/');
  return place.split('/').every((part, i) => part === '*' || part === (parts[i] ?? ''));
}

function weightOf({ endpoints }: LocalityGroup): number {
  return endpoints.reduce((sum, { weight }) => sum + weight, 0);
}

function toLocality({ locality, endpoints }: LocalityGroup, weight: number, priority: number): TypedObject {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  return compact({
    locality: compact({ region: region || undefined, zone: zone || undefined, sub_zone: subzone || undefined }),
    lb_endpoints: endpoints.map(({ message }) => message),
    load_balancing_weight: weight,
    priority: priority > 0 ? priority : undefined,
  });
}
