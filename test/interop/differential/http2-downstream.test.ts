/** The table again, with a client that speaks HTTP/2 with prior knowledge, and an upstream that speaks HTTP/1.1. */
import { compareTable } from './compare.ts';
import { features, isForHttp2Client } from './features.ts';
import { knownDownstream } from './known-http2.ts';

compareTable({
  title: 'HTTP/2 downstream, through Envoy and through the sidecar',
  protocols: { downstream: 'http2', upstream: 'http1' },
  features,
  known: knownDownstream,
  applies: isForHttp2Client,
});
