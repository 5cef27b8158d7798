/** Endpoints of a Service as Kubernetes (or a user) wrote them: `discovery.k8s.io/v1`; a v1beta1 slice is read into the same form. */
export type EndpointSliceBody = Readonly<{
  addressType: 'IPv4' | 'IPv6' | 'FQDN';
  endpoints: readonly SliceEndpoint[];
  ports: readonly SlicePort[];
}>;

/** One endpoint: several addresses are interchangeable ways to one thing. */
export type SliceEndpoint = Readonly<{
  addresses: readonly string[];
  /** What is absent means `ready: true`, `serving` as ready, `terminating: false`. */
  conditions?: Readonly<{ ready?: boolean; serving?: boolean; terminating?: boolean }> | undefined;
  hostname?: string | undefined;
  nodeName?: string | undefined;
  zone?: string | undefined;
  region?: string | undefined;
  targetRef?: Readonly<{ kind: string; name: string; namespace?: string | undefined }> | undefined;
}>;

export type SlicePort = Readonly<{
  /** The name of the service's port; empty for the only, unnamed one. */
  name: string;
  /** Absent in slices that leave it open. */
  port?: number | undefined;
  protocol: string;
  appProtocol?: string | undefined;
}>;

/** The label by which a slice says whose it is. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** Whether an endpoint may get traffic: it is ready, or its service takes those that are not. */
export function takesTraffic({ conditions }: SliceEndpoint, publishNotReady: boolean): boolean {
  return (conditions?.ready ?? true) || publishNotReady;
}
