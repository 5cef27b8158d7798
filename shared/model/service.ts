/** A port of a Kubernetes Service. */
export type ServicePort = Readonly<{
  name?: string | undefined;
  port: number;
  /** A number, or the name of a port of the workload; the port itself when absent. */
  targetPort?: number | string | undefined;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  appProtocol?: string | undefined;
}>;

/** The part of a Kubernetes Service's spec that Tulle reads. */
export type ServiceSpec = Readonly<{
  type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName' | undefined;
  /** `None` makes the service headless. */
  clusterIP?: string | undefined;
  clusterIPs?: readonly string[] | undefined;
  externalName?: string | undefined;
  selector?: Readonly<Record<string, string>> | undefined;
  ports: readonly ServicePort[];
  publishNotReadyAddresses?: boolean | undefined;
  sessionAffinity?: 'None' | 'ClientIP' | undefined;
  trafficDistribution?: string | undefined;
}>;
