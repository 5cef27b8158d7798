import type { LocatedProblem, ResourceItem } from '#shared/admin/views.ts';
import type { Column, ListView } from './output/print.ts';

/** `Applied 5/6`, or what keeps it from that. */
export function statusOf(item: ResourceItem): string {
  if (item.problems.length > 0) return item.inForce ? 'Refused, last good version in force' : 'Refused';
  if (item.distribution.refused.length > 0) return `Refused by ${item.distribution.refused.length} proxies`;
  return `Applied ${item.distribution.applied}/${item.distribution.total}`;
}

/** `file:line: path: message`. */
export function formatProblem(file: string, problem: LocatedProblem): string {
  const code = problem.code === undefined ? '' : ` [${problem.code}]`;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${file}:${problem.line}: ${problem.severity}: ${path}${problem.message}${code}`;
}

const columns: readonly Column<ResourceItem>[] = [
  { head: 'NAMESPACE', cell: (item) => item.namespace },
  { head: 'KIND', cell: (item) => item.kind },
  { head: 'NAME', cell: (item) => item.name },
  { head: 'GENERATION', cell: (item) => String(item.generation) },
  { head: 'STATUS', cell: statusOf },
  { head: 'WARNINGS', cell: (item) => String(item.warnings.length) },
  { head: 'SOURCE', cell: (item) => (item.line === 0 ? item.file : `${item.file}:${item.line}`), wide: true },
];

export const resourceListView: ListView<ResourceItem> = {
  columns,
  name: (item) => `${item.kind.toLowerCase()}/${item.name}`,
};

/** What a cluster says about itself, by the thousands: shown when it is asked for by name. */
const facts = ['Pod', 'EndpointSlice', 'Node', 'Namespace'];
const kinds = [
  'Service',
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'WorkloadEntry',
  'WorkloadGroup',
  'PeerAuthentication',
  'Sidecar',
  'TrafficSplit',
  ...facts,
];
const shortNames: Record<string, string> = {
  svc: 'Service',
  vs: 'VirtualService',
  dr: 'DestinationRule',
  se: 'ServiceEntry',
  we: 'WorkloadEntry',
  wg: 'WorkloadGroup',
  pa: 'PeerAuthentication',
  ts: 'TrafficSplit',
  po: 'Pod',
  no: 'Node',
  ns: 'Namespace',
};

/** Whether a kind is among `all`. */
export function isAmongAll(kind: string): boolean {
  return !facts.includes(kind);
}

/** The kinds that can be named on the command line, for completion. */
export const knownKinds: readonly string[] = kinds;

/** `vs`, `virtualservices`, `VirtualService` -> `VirtualService`; null for `all`, and for what is not known. */
export function parseKind(text: string): string | null {
  const lower = text.toLowerCase();
  const found = kinds.find((kind) => {
    const name = kind.toLowerCase();
    return lower === name || lower === `${name}s` || (name.endsWith('y') && lower === `${name.slice(0, -1)}ies`);
  });
  return found ?? shortNames[lower] ?? null;
}
