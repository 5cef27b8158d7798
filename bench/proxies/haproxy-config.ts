import type { Hop, PairScope } from './pair.ts';

/** One hop of a bare haproxy pair: mTLS between and pooled connections, but no access log, ids, authorization or retries. */
export function haproxyConfig(hop: Hop, { certificates, outPort, inPort, backendPort }: PairScope): string {
  const verified = `ca-file ${certificates.ca} verify required`;
  const bind = hop === 'out' ? `127.0.0.1:${outPort}` : `127.0.0.1:${inPort} ssl crt ${certificates.b.pem} ${verified}`;
  const server =
    hop === 'out' ? `127.0.0.1:${inPort} ssl crt ${certificates.a.pem} ${verified}` : `127.0.0.1:${backendPort}`;
  return `global
  nbthread 1
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
  option http-keep-alive
  http-reuse always
frontend f
  bind ${bind}
  default_backend b
backend b
  server s ${server}
`;
}
