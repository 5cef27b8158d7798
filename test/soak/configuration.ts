/** The mesh of the soak: one workload with an HTTP and a gRPC application, its client, and the edits that come while they talk. */

/** The file that stays. `grpc`: the client's local port for gRPC. */
export const fixedFile = (grpc: number): string => `
apiVersion: v1
kind: Service
metadata: {name: app, namespace: shop}
spec: {selector: {app: app}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: calls, namespace: shop}
spec: {selector: {app: app}, ports: [{name: grpc, port: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: ${grpc}, protocol: GRPC, name: grpc}, bind: 127.0.0.1, hosts: ["./calls.shop.svc.cluster.local"]}
  - {hosts: ["./*"]}
`;

/**
 * The file that is edited, in its `n`th version. Each version changes the route (its number is in the answers of HTTP), every third the
 * cluster, every fourth the listeners of the server's sidecar, every fifth adds or takes away another service. Connections are
 * recycled after some seconds, so that each certificate comes into use.
 */
export function editedFile(n: number): string {
  const requests = 1000 + Math.floor(n / 3);
  const mode = Math.floor(n / 4) % 2 === 0 ? 'STRICT' : 'PERMISSIVE';
  const other = `
---
apiVersion: v1
kind: Service
metadata: {name: other-${n}, namespace: shop}
spec: {selector: {app: app}, ports: [{name: http, port: ${8000 + n}, targetPort: 8080}]}
`;
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app, namespace: shop}
spec:
  hosts: [app]
  http:
  - route: [{destination: {host: app}, headers: {response: {set: {x-version: "${n}"}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: calls, namespace: shop}
spec:
  hosts: [calls]
  http:
  - route: [{destination: {host: calls}, headers: {request: {set: {x-version: "${n}"}}}}]
${rule('app', requests)}
${rule('calls', requests)}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: ${mode}}}
${n % 10 < 5 ? other : ''}`;
}

const rule = (host: string, requests: number): string => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${host}, namespace: shop}
spec:
  host: ${host}
  trafficPolicy:
    connectionPool: {tcp: {maxConnectionDuration: 10s}, http: {http2MaxRequests: ${requests}}}
    outlierDetection: {consecutive5xxErrors: 5, interval: 1s}`;
