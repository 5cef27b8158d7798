import type { TypedObject } from '#shared/xds/typed.ts';
import type { LocalitySetting, PolicyBlocks } from '../traffic-policy.ts';
import { compact } from '../typed-builder.ts';

/** The endpoints of one place. */
export type LocalityGroup = Readonly<{
  /** `region/zone/subzone`; empty when unknown. */
  locality: string;
  weight: number;
  endpoints: readonly TypedObject[];
}>;

/**
 * `endpoints` of an assignment as a client in one place sees them. With outlier detection, places farther away get a lower
 * priority: they take over when the nearer ones are ejected. With `distribute`, the shares are the rule's.
 */
export function spreadOverLocalities(
  groups: readonly LocalityGroup[],
  client: string,
  policy: PolicyBlocks | undefined,
): readonly TypedObject[] {
  const setting = policy?.loadBalancer?.localityLbSetting;
  const isEnabled = setting?.enabled !== false && client !== '//';
  const shares = isEnabled ? distribution(setting, client) : undefined;
  if (shares !== undefined) {
    return distribute(groups, shares);
  }
  const fails = isEnabled && policy?.outlierDetection !== undefined;
  const distances = groups.map(({ locality }) => (fails ? distance(locality, client, setting) : 0));
  const levels = [...new Set(distances)].toSorted((a, b) => a - b);
  return groups.map((group, i) => toLocality(group, group.weight, levels.indexOf(distances[i] ?? 0)));
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
    const total = peers.reduce((sum, { weight }) => sum + weight, 0);
    return [toLocality(group, Math.max(1, Math.round((share.percent * group.weight) / total)), 0)];
  });
}

/** Whether a place such as `region/zone/*` or `region` covers a locality. */
function covers(place: string, locality: string): boolean {
  const parts = locality.split('/');
  return place.split('/').every((part, i) => part === '*' || part === (parts[i] ?? ''));
}

function toLocality({ locality, endpoints }: LocalityGroup, weight: number, priority: number): TypedObject {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  return compact({
    locality: compact({ region: region || undefined, zone: zone || undefined, sub_zone: subzone || undefined }),
    lb_endpoints: endpoints,
    load_balancing_weight: weight,
    priority: priority > 0 ? priority : undefined,
  });
}
