/**
 * Configurations of nginx: a pair that does what nginx can do of a sidecar's work (mTLS, buffered access log, request id and trace
 * context, client certificate forwarded and judged, ten locations), and the frame of every nginx here. `h2` goes through grpc_pass;
 * HTTP/2 between the hops alone, and TCP, it is not asked for.
 */
import { join } from 'node:path';
import { calleeId, callerId } from '../certificates.ts';
import {
  accessLogPath,
  endpointsOf,
  listenAddress,
  maxStreams,
  pathPrefixes,
  type Hop,
  type PairScope,
} from './pair.ts';

/** One hop of the pair with all features. */
export function nginxConfig(hop: Hop, scope: PairScope): string {
  const requestId = hop === 'out' ? '$request_id' : '$http_x_request_id';
  const log = [
    '[$time_iso8601] "$request" $status - via_upstream - "-" $request_length $bytes_sent $request_time',
    '$upstream_response_time "$http_x_forwarded_for" "$http_user_agent"',
    `"${requestId}" "$host" "$upstream_addr" ${hop}`,
  ].join(' ');
  const { host, port } = listenAddress(hop, scope);
  const servers = endpointsOf(hop, scope).map((at) => `server ${at.host}:${at.port};`);
  return nginxMain({
    folder: scope.folder,
    name: `nginx-${hop}`,
    workers: scope.shape.workers,
    http: `log_format mesh '${log}';
  access_log ${accessLogPath(scope.folder, hop)} mesh buffer=64k;
  upstream up { least_conn; ${servers.join(' ')} keepalive 256; keepalive_requests 1000000000; }
  map $ssl_client_s_dn $authz { default 1; "CN=evil" 0; }
  server {
    listen ${host}:${port}${hop === 'in' ? ' ssl' : ''}${scope.wire === 'h2' ? ' http2' : ''} backlog=1024;
    ${lines(hop, scope).join('\n    ')}
  }`,
  });
}

/** HTTP/1.1 is forwarded by the directives of `proxy`, HTTP/2 by those of `grpc`. */
function lines(hop: Hop, scope: PairScope): string[] {
  const isHttp2 = scope.wire === 'h2';
  const directives = isHttp2 ? 'grpc' : 'proxy';
  const schemes = isHttp2 ? { out: 'grpcs', in: 'grpc' } : { out: 'https', in: 'http' };
  const http1 = ['proxy_http_version 1.1;', 'proxy_set_header Connection "";', 'proxy_set_header Host $http_host;'];
  return [
    ...(isHttp2 ? [`http2_max_concurrent_streams ${maxStreams};`] : http1),
    ...(hop === 'out' ? outLines(directives, scope) : inLines(directives, scope)),
    ...pathPrefixes.map((prefix) => `location ${prefix} { ${directives}_pass ${schemes[hop]}://up; }`),
  ];
}

function outLines(directives: string, { certificates: { ca, a } }: PairScope): string[] {
  return [
    `${directives}_set_header X-Request-ID $request_id;`,
    `${directives}_set_header traceparent "00-$request_id-0123456789abcdef-01";`,
    `${directives}_ssl_protocols TLSv1.3;`,
    `${directives}_ssl_certificate ${a.certificate};`,
    `${directives}_ssl_certificate_key ${a.key};`,
    `${directives}_ssl_trusted_certificate ${ca};`,
    `${directives}_ssl_verify off;`,
  ];
}

function inLines(directives: string, { certificates: { ca, b } }: PairScope): string[] {
  const forwarded = `By=${calleeId};Hash=$ssl_client_fingerprint;URI=${callerId}`;
  return [
    'ssl_protocols TLSv1.3;',
    `ssl_certificate ${b.certificate};`,
    `ssl_certificate_key ${b.key};`,
    `ssl_client_certificate ${ca};`,
    'ssl_verify_client on;',
    `${directives}_set_header X-Forwarded-Client-Cert "${forwarded}";`,
    'if ($authz = 0) { return 403; }',
  ];
}

/** A whole configuration around what is served over HTTP. `name` keeps its files apart from those of others in the folder. */
export function nginxMain(parts: Readonly<{ folder: string; name: string; workers: number; http: string }>): string {
  const { folder, name, workers, http } = parts;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, `${name}-${kind}`)};`)
    .join(' ');
  return `worker_processes ${workers};
daemon off;
pid ${join(folder, `${name}.pid`)};
error_log ${join(folder, `${name}.log`)};
events { worker_connections 8192; }
http {
  ${temporary}
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ${http}
}
`;
}
