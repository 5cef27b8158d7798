/**
 * Configurations of nginx: the backend of every measurement, and a pair that does what nginx can do of a sidecar's work (mTLS, buffered access
 * log, request id and trace context, client certificate forwarded and judged, several locations). One worker each.
 */
import { join } from 'node:path';
import { calleeId, callerId } from '../certificates.ts';
import { accessLogPath, pathPrefixes, type Hop, type PairScope } from './pair.ts';

/** The body that the backend answers with. */
export const answerBytes = 128;

/** The backend: answers at once. */
export function backendConfig(folder: string, port: number): string {
  return main(
    folder,
    'backend',
    `access_log off;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { default_type text/plain; return 200 "${'X'.repeat(answerBytes)}"; }
  }`,
  );
}

/** One hop of the pair with all features. */
export function nginxConfig(hop: Hop, scope: PairScope): string {
  const requestId = hop === 'out' ? '$request_id' : '$http_x_request_id';
  const log = [
    '[$time_iso8601] "$request" $status - via_upstream - "-" $request_length $bytes_sent $request_time',
    '$upstream_response_time "$http_x_forwarded_for" "$http_user_agent"',
    `"${requestId}" "$host" "$upstream_addr" ${hop}`,
  ].join(' ');
  const upstreamPort = hop === 'out' ? scope.inPort : scope.backendPort;
  const locations = pathPrefixes
    .map((prefix) => `location ${prefix} { proxy_pass ${hop === 'out' ? 'https' : 'http'}://up; }`)
    .join('\n    ');
  return main(
    scope.folder,
    `nginx-${hop}`,
    `log_format mesh '${log}';
  access_log ${accessLogPath(scope.folder, hop)} mesh buffer=64k;
  upstream up { least_conn; server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  map $ssl_client_s_dn $authz { default 1; "CN=evil" 0; }
  server {
    listen 127.0.0.1:${hop === 'out' ? scope.outPort : scope.inPort}${hop === 'in' ? ' ssl' : ''} backlog=1024;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    ${hop === 'out' ? outLines(scope) : inLines(scope)}
    ${locations}
  }`,
  );
}

function outLines({ certificates: { ca, a } }: PairScope): string {
  return `proxy_set_header X-Request-ID $request_id;
    proxy_set_header traceparent "00-$request_id-0123456789abcdef-01";
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_certificate ${a.certificate};
    proxy_ssl_certificate_key ${a.key};
    proxy_ssl_trusted_certificate ${ca};
    proxy_ssl_verify off;`;
}

function inLines({ certificates: { ca, b } }: PairScope): string {
  return `ssl_protocols TLSv1.3;
    ssl_certificate ${b.certificate};
    ssl_certificate_key ${b.key};
    ssl_client_certificate ${ca};
    ssl_verify_client on;
    proxy_set_header X-Forwarded-Client-Cert "By=${calleeId};Hash=$ssl_client_fingerprint;URI=${callerId}";
    if ($authz = 0) { return 403; }`;
}

function main(folder: string, name: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, `${name}-${kind}`)};`)
    .join(' ');
  return `worker_processes 1;
daemon off;
pid ${join(folder, `${name}.pid`)};
error_log ${join(folder, `${name}.log`)};
events { worker_connections 4096; }
http {
  ${temporary}
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ${http}
}
`;
}
