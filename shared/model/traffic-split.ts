/** One backend of a TrafficSplit; weights of v1alpha1 quantities (`500m`, `1`) are already numbers relative to each other. */
export type TrafficSplitBackend = Readonly<{ service: string; weight: number }>;

/** An SMI TrafficSplit (v1alpha1 to v1alpha4 have one shape here). */
export type TrafficSplitSpec = Readonly<{
  /** The apex service: a host name, short or full. */
  service: string;
  backends: readonly TrafficSplitBackend[];
  /** HTTPRouteGroup references (v1alpha3 and later). */
  matches?: readonly Readonly<{ kind?: string | undefined; name: string; apiGroup?: string | undefined }>[] | undefined;
}>;
