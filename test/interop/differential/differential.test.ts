/**
 * One bootstrap file, two proxies: every row of the table goes through a real Envoy and through our sidecar, and what the
 * client got, what the upstream saw and what the access log says must be the same. Differences that are meant stand in
 * `known.ts`, each with its reason; one that is no longer there fails as well.
 */
import { compareTable } from './compare.ts';
import { features } from './features.ts';
import { known } from './known.ts';

compareTable({
  title: 'the same bootstrap file through Envoy and through the sidecar',
  protocols: { downstream: 'http1', upstream: 'http1' },
  features,
  known,
});
