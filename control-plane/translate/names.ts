/** Names that Istio gives to resources; tools and access logs read them. */
export const passthroughCluster = 'PassthroughCluster';
export const blackHoleCluster = 'BlackHoleCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

/** Ports of the two listeners that take redirected traffic. */
export const outboundPort = 15001;
export const inboundPort = 15006;

/** The route configuration and the listener of the explicit HTTP proxy. */
export const httpProxyName = 'http_proxy';

/** `outbound|80|v1|reviews.default.svc.cluster.local`; the subset may be empty. */
export function outboundCluster(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** `inbound|8080||`, by the port of the application. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** The server name that a client's sidecar sends to another one. */
export function mutualTlsServerName(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** A statistics name; the semicolon keeps dots of the name together. */
export function statName(name: string): string {
  return `${name};`;
}
