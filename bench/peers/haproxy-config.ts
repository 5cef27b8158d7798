import { endpointsOf, listenAddress, maxStreams, type Hop, type PairScope } from './pair.ts';

/** One hop of a bare haproxy pair: mTLS between and pooled connections, but no access log, ids, authorization or retries. */
export function haproxyConfig(hop: Hop, scope: PairScope): string {
  const { certificates, wire, shape } = scope;
  const { host, port } = listenAddress(hop, scope);
  const verified = `ca-file ${certificates.ca} verify required`;
  const between = wire === 'mux' || wire === 'h2' ? ' alpn h2' : '';
  const plain = wire === 'h2' ? ' proto h2' : '';
  const bind = hop === 'out' ? plain : ` ssl crt ${certificates.b.pem} ${verified}${between}`;
  const server = hop === 'out' ? ` ssl crt ${certificates.a.pem} ${verified}${between}` : plain;
  const servers = endpointsOf(hop, scope).map((at, index) => `  server s${index} ${at.host}:${at.port}${server}`);
  return `global
  nbthread ${shape.workers}
  tune.h2.max-concurrent-streams ${maxStreams}
defaults
  mode ${wire === 'tcp' ? 'tcp' : 'http'}
  timeout client 60s
  timeout server 60s
  timeout connect 5s
${wire === 'tcp' ? '' : '  option http-keep-alive\n  http-reuse always\n'}frontend f
  bind ${host}:${port}${bind}
  default_backend b
backend b
  balance ${wire === 'tcp' ? 'roundrobin' : 'leastconn'}
${servers.join('\n')}
`;
}
