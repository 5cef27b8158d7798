/**
 * Automatic addresses: hosts of ServiceEntries that have none get one each of 240.240.0.0/16 and 2001:2::/48, ranges that lead nowhere
 * (Istio: pilot/pkg/serviceregistry/serviceentry `autoAllocateIPs`). The DNS proxy answers with it and the listener of the host's TCP
 * ports has it, so that two hosts on one port are told apart.
 *
 * Every control plane comes to the same: the address is a hash of namespace and host. Of two with one hash the older keeps it, and the
 * other goes on by steps of its own, so that what is added takes nothing away from what was there.
 */
import { compareText } from '#shared/model/by-age.ts';
import { isWildcard } from '#shared/model/hostname.ts';
import type { ServiceEntry } from '#shared/model/resource.ts';

/** One host's addresses. */
export type AutomaticAddress = Readonly<{ v4: string; v6: string }>;

/** Who may get one, and what is taken already. */
export type Applicant = Readonly<{
  host: string;
  namespace: string;
  addresses: readonly string[];
  takesAutomaticAddress: boolean;
  creationTimestamp: string;
}>;

/** 240.240.0.1 to 240.240.255.254 without those that end in 0 or 255. */
const perBlock = 254;
const slots = 256 * perBlock;

/** Label by which a ServiceEntry says that it wants none. */
const optOut = 'networking.istio.io/enable-autoallocate-ip';

/** Whether a host of a ServiceEntry gets an address. Without resolution nobody could tell where the client wanted to go. */
export function takesAutomaticAddress({ metadata, spec }: ServiceEntry, host: string): boolean {
  const isResolved = ['STATIC', 'DNS', 'DNS_ROUND_ROBIN'].includes(spec.resolution ?? 'NONE');
  const isWanted = metadata.labels[optOut]?.toLowerCase() !== 'false';
  return isResolved && isWanted && (spec.addresses ?? []).length === 0 && !isWildcard(host);
}

/** The addresses of all that get one, by `namespace/host`; when there are no more of them, the youngest go without. */
export function automaticAddresses(applicants: readonly Applicant[]): ReadonlyMap<string, AutomaticAddress> {
  const taken = new Set(applicants.flatMap(({ addresses }) => addresses).flatMap(slotOf));
  const found = new Map<string, AutomaticAddress>();
  const waiting = applicants
    .filter((applicant) => applicant.takesAutomaticAddress)
    .map((applicant) => ({ key: keyOf(applicant), since: applicant.creationTimestamp }))
    .toSorted((a, b) => compareText(a.since, b.since) || compareText(a.key, b.key));
  for (const { key } of waiting) {
    if (found.has(key)) continue;
    if (taken.size >= slots) break;
    const slot = freeSlot(key, taken);
    taken.add(slot);
    found.set(key, addressOf(slot));
  }
  return found;
}

/** What addresses are kept by. */
export function keyOf({ namespace, host }: Pick<Applicant, 'namespace' | 'host'>): string {
  return `${namespace}/${host}`;
}

function freeSlot(key: string, taken: ReadonlySet<number>): number {
  const hash = fnv1a(key);
  // Odd and below 127: without a factor in common with 2^9 * 127, so that every slot is come to.
  const step = ((hash >>> 16) % 63) * 2 + 1;
  let slot = hash % slots;
  while (taken.has(slot)) slot = (slot + step) % slots;
  return slot;
}

function addressOf(slot: number): AutomaticAddress {
  const third = Math.floor(slot / perBlock);
  const fourth = (slot % perBlock) + 1;
  return { v4: `240.240.${third}.${fourth}`, v6: `2001:2::f0f0:${(third * 256 + fourth).toString(16)}` };
}

/** The slot of an address that somebody wrote down, if it is one of ours. */
function slotOf(address: string): readonly number[] {
  const v4 = /^240\.240\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  const v6 = /^2001:2::f0f0:([0-9a-f]{1,4})$/i.exec(address);
  if (v4 === null && v6 === null) return [];
  const number = v4 === null ? Number.parseInt(v6?.[1] ?? '0', 16) : Number(v4[1]) * 256 + Number(v4[2]);
  const fourth = number % 256;
  return fourth === 0 || fourth === 255 ? [] : [Math.floor(number / 256) * perBlock + fourth - 1];
}

/** FNV-1a of 32 bits over UTF-8. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(text)) hash = Math.imul(hash ^ octet, 0x01000193) >>> 0;
  return hash;
}
