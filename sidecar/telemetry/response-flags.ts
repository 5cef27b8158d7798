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

/** The flags of a mask as metrics label them: `DI,FI` in Envoy's order, or `-` for none. Only few occur: each text is made once. */
export function formatFlags(mask: number): string {
  if (mask === 0) return '-';
  let text = shortNames.get(mask);
  if (text === undefined) {
    text = flags
      .filter((_, index) => (mask & (1 << index)) !== 0)
      .map(([name]) => name)
      .join(',');
    shortNames.set(mask, text);
  }
  return text;
}

/** The long names of flags that are joined by commas: `UF,URX` to `UpstreamConnectionFailure,UpstreamRetryLimitExceeded`. */
export function longFlagNames(names: string): string {
  return names
    .split(',')
    .map((name) => flags.find(([short]) => short === name)?.[1] ?? name)
    .join(',');
}
