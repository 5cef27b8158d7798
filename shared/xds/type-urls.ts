const prefix = 'type.googleapis.com/';

/** The resource types of xDS v3 that Tulle serves, by their short names; the table of names is Istio's. */
export const typeUrls = {
  cluster: `${prefix}envoy.config.cluster.v3.Cluster`,
  endpoints: `${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${prefix}envoy.config.listener.v3.Listener`,
  routes: `${prefix}envoy.config.route.v3.RouteConfiguration`,
  secret: `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`,
  nameTable: `${prefix}istio.networking.nds.v1.NameTable`,
} as const;

/** Sent by a proxy on its ADS stream to tell the health of its application, as Istio's agent does. */
export const healthInformationTypeUrl = `${prefix}istio.v1.HealthInformation`;

/** The order in which types are pushed: make before break. THE ORDER MATTERS: CDS, EDS, LDS, RDS, SDS, and names when all are there. */
export const pushOrder: readonly string[] = [
  typeUrls.cluster,
  typeUrls.endpoints,
  typeUrls.listener,
  typeUrls.routes,
  typeUrls.secret,
  typeUrls.nameTable,
];
