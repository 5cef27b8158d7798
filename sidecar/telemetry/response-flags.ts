import assert from 'node:assert/strict';

/** Envoy's response flags: short name and long name, in the order in which Envoy prints several of them. */
const flags = [
  ['LH', 'FailedLocalHealthCheck'],
  ['UH', 'NoHealthyUpstream'],
  ['UT', 'UpstreamRequestTimeout'],
  ['LR', 'LocalReset'],
  ['UR', 'UpstreamRemoteReset'],
  ['UF', 'UpstreamConnectionFailure'],
  ['UC', 'UpstreamConnectionTermination'],
  ['UO', 'UpstreamOverflow'],
  ['NR', 'NoRouteFound'],
  ['DI', 'DelayInjected'],
  ['FI', 'FaultInjected'],
  ['RL', 'RateLimited'],
  ['UAEX', 'UnauthorizedExternalService'],
  ['RLSE', 'RateLimitServiceError'],
  ['DC', 'DownstreamConnectionTermination'],
  ['URX', 'UpstreamRetryLimitExceeded'],
  ['SI', 'StreamIdleTimeout'],
  ['IH', 'InvalidEnvoyRequestHeaders'],
  ['DPE', 'DownstreamProtocolError'],
  ['UMSDR', 'UpstreamMaxStreamDurationReached'],
  ['RFCF', 'ResponseFromCacheFilter'],
  ['NFCF', 'NoFilterConfigFound'],
  ['DT', 'DurationTimeout'],
  ['UPE', 'UpstreamProtocolError'],
  ['NC', 'NoClusterFound'],
  ['OM', 'OverloadManagerTerminated'],
  ['DF', 'DnsResolutionFailed'],
  ['DO', 'DropOverload'],
  ['DR', 'DownstreamRemoteReset'],
  ['UDO', 'UnconditionalDropOverload'],
] as const;

/** Short name of a response flag (`UH`, `NR`). */
export type ResponseFlag = (typeof flags)[number][0];

const bits: ReadonlyMap<string, number> = new Map(flags.map(([name], index) => [name, 1 << index]));

/** The bit of a flag in a mask of flags; the empty name is no flag. */
export function flagBit(name: string): number {
  if (name === '') return 0;
  const bit = bits.get(name);
  assert(bit !== undefined, `unknown response flag ${name}`);
  return bit;
}

/** Whether a name is one of the response flags (for configuration that names them). */
export function isResponseFlag(name: string): name is ResponseFlag {
  return bits.has(name);
}

const shortNames = new Map<number, string>();
const longNames = new Map<number, string>();

/** The flags of a mask as Envoy prints them: `DI,FI`, or `-` for none. */
export function formatFlags(mask: number): string {
  return cached(shortNames, mask, 0);
}

/** The flags of a mask by their long names: `DelayInjected,FaultInjected`, or `-`. */
export function formatFlagsLong(mask: number): string {
  return cached(longNames, mask, 1);
}

/** Only few combinations occur, so each text is made once. */
function cached(cache: Map<number, string>, mask: number, column: 0 | 1): string {
  if (mask === 0) return '-';
  let text = cache.get(mask);
  if (text === undefined) {
    text = flags
      .filter((_, index) => (mask & (1 << index)) !== 0)
      .map((flag) => flag[column])
      .join(',');
    cache.set(mask, text);
  }
  return text;
}
