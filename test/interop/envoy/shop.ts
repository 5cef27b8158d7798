import { strictMtls } from '../../support/mesh.ts';

/** The configuration of the mesh that stock Envoys are put into, and who is where in it. */

/** Ports of 127.0.0.1 at which the parts are. */
export type ShopPorts = Readonly<{
  /** Application of echo v1, and the port at which its Envoy takes its traffic. */
  v1: number;
  v1Inbound: number;
  /** Application of echo v2, which has no sidecar. */
  v2: number;
  /** A TCP echo, and the port at which the client's Envoy takes connections to it. */
  tcp: number;
  tcpLocal: number;
}>;

/** `--mesh-config`. */
export const meshConfig = `
rootNamespace: istio-system
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
defaultConfig: {proxyMetadata: {TULLE_COMPAT: istio}}
`;

/** Services, workloads and policies. */
export const services = (ports: ShopPorts): string => `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo-one, namespace: shop}
spec: {selector: {app: echo, version: v1}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: echo-two, namespace: shop}
spec: {selector: {app: echo, version: v2}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: echo-v2, namespace: shop}
spec: {address: 127.0.0.1, ports: {http: ${ports.v2}}, labels: {app: echo, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: shop}
spec:
  hosts: [api.partner.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: ${ports.v2}}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ledger, namespace: shop}
spec:
  hosts: [ledger.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 9000, name: tcp, protocol: TCP}]
  endpoints: [{address: 127.0.0.1, ports: {tcp: ${ports.tcp}}}]
---
${strictMtls}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: ${ports.tcpLocal}, protocol: TCP, name: tcp}, bind: 127.0.0.1, hosts: ["./ledger.example"]}
  - {hosts: ["./*"]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: shop}
spec:
  host: echo
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
    connectionPool: {tcp: {maxConnections: 50, connectTimeout: 1s}, http: {http1MaxPendingRequests: 50, maxRetries: 5}}
    outlierDetection: {consecutive5xxErrors: 50, interval: 1s, baseEjectionTime: 1s}
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: apex, namespace: shop}
spec:
  service: echo-one
  backends: [{service: echo-one, weight: 0}, {service: echo-two, weight: 100}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ledger, namespace: shop}
spec:
  hosts: [ledger.example]
  tcp: [{route: [{destination: {host: ledger.example, port: {number: 9000}}}]}]
`;

/** Routes of echo; the last one splits by these weights. */
export const routes = (v1: number, v2: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo]
  http:
  - {match: [{uri: {exact: /moved}}], redirect: {uri: /here, authority: elsewhere.example, redirectCode: 302}}
  - {match: [{uri: {prefix: /closed}}], directResponse: {status: 451, body: {string: closed}}}
  - {match: [{uri: {prefix: /abort}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: echo}}]}
  - match: [{uri: {prefix: /cors}}]
    corsPolicy: {allowOrigins: [{exact: "http://a.example"}], allowMethods: [GET], maxAge: 10s}
    route: [{destination: {host: echo, subset: v1}}]
  - {match: [{uri: {prefix: /slow}}], timeout: 200ms, route: [{destination: {host: echo, subset: v1}}]}
  - {match: [{uri: {prefix: /flaky}}], retries: {attempts: 2, retryOn: 5xx}, route: [{destination: {host: echo, subset: v1}}]}
  - {match: [{uri: {prefix: /mirrored}}], mirror: {host: echo, subset: v2}, route: [{destination: {host: echo, subset: v1}}]}
  - match: [{uri: {prefix: /old/}, method: {exact: GET}}]
    rewrite: {uri: /new/}
    headers: {request: {set: {x-set: "1"}, remove: [x-gone]}, response: {add: {x-answer: "2"}}}
    route: [{destination: {host: echo, subset: v1}}]
  - {match: [{headers: {x-version: {regex: "v?2"}}}, {queryParams: {version: {exact: "2"}}}], route: [{destination: {host: echo, subset: v2}}]}
  - {match: [{uri: {prefix: /v1}}], route: [{destination: {host: echo, subset: v1}}]}
  - route:
    - {destination: {host: echo, subset: v1}, weight: ${v1}}
    - {destination: {host: echo, subset: v2}, weight: ${v2}}
`;
