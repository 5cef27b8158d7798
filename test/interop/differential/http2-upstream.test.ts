/** The table again, with a client that speaks HTTP/1.1, and an upstream that speaks HTTP/2. */
import { compareTable } from './compare.ts';
import { features, isForHttp2Upstream } from './features.ts';
import { knownUpstream } from './known-http2.ts';

compareTable({
  title: 'HTTP/2 upstream, through Envoy and through the sidecar',
  protocols: { downstream: 'http1', upstream: 'http2' },
  features,
  known: knownUpstream,
  applies: isForHttp2Upstream,
});
