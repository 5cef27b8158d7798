import type { MeshIndex } from './mesh-index.ts';
import { localityText, type ProxyNode } from './proxy-node.ts';
import { podWorkload } from './slice-workloads.ts';
import type { Workload } from './workloads.ts';

/** The workload of a proxy: the pod or the WorkloadEntry of its name, else one with its address (on one machine many have the same). */
export function ownWorkload(index: MeshIndex, node: ProxyNode): Workload | undefined {
  const pod = index.facts.pods.get(`${node.namespace}/${node.name}`);
  if (pod !== undefined) {
    return podWorkload(index.facts, index.memo, pod);
  }
  const workloads = index.workloads.get(node.namespace) ?? [];
  return (
    workloads.find(({ name }) => name === node.name) ??
    (hasOwnAddress(node) ? workloads.find(({ address }) => node.ipAddresses.includes(address)) : undefined)
  );
}

/** Where a proxy is, as `region/zone/subzone`: as it says itself, else as its workload is registered. */
export function placeOf(index: MeshIndex, node: ProxyNode): string {
  const said = localityText(node);
  if (said !== '//') {
    return said;
  }
  const [region = '', zone = '', subzone = ''] = (ownWorkload(index, node)?.locality ?? '').split('/');
  return [region, zone, subzone].join('/');
}

/** The cluster's node that a proxy runs on; empty when nobody says. */
export function nodeNameOf(index: MeshIndex, node: ProxyNode): string {
  const said = node.metadata['NODE_NAME'];
  return typeof said === 'string' ? said : (ownWorkload(index, node)?.nodeName ?? '');
}

/** Without interception proxies share the addresses of their machine. */
export function hasOwnAddress({ interception }: ProxyNode): boolean {
  return interception !== 'NONE';
}
