/** HTTP/2 on both sides: what only HTTP/2 can say, and gRPC. */
import { compareTable } from './compare.ts';
import { grpc } from './cases/grpc.ts';
import { http2 } from './cases/http2.ts';
import { knownOfHttp2 } from './known-http2.ts';

compareTable({
  title: 'HTTP/2 on both sides, through Envoy and through the sidecar',
  protocols: { downstream: 'http2', upstream: 'http2' },
  features: [http2, grpc],
  known: knownOfHttp2,
});

compareTable({
  title: 'HTTP/2 downstream and HTTP/1.1 upstream, through Envoy and through the sidecar',
  protocols: { downstream: 'http2', upstream: 'http1' },
  features: [http2, grpc],
  applies: ({ name }) => name === http2.name,
  known: knownOfHttp2,
});
