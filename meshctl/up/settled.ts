import type { Instance } from './instances.ts';

/** What the control plane says of its proxies, as far as it matters here. */
export type ProxyList = Readonly<{
  generation: number;
  items: readonly Readonly<{ name: string; isHealthy: boolean | null; appliedGeneration: number }>[];
}>;

/**
 * Whether the mesh has come to rest: every sidecar is connected and has applied the newest configuration, and every application
 * that others call was found healthy. Traffic that begins sooner meets services that nobody knows of yet.
 */
export function isSettled({ generation, items }: ProxyList, instances: readonly Instance[]): boolean {
  return instances.every(({ name, serves }) => {
    const proxy = items.find((item) => item.name === name);
    return proxy !== undefined && proxy.appliedGeneration >= generation && (!serves || proxy.isHealthy === true);
  });
}
