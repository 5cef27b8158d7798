/** Who can be measured: pairs of proxies on several wires, and no proxy at all. What a peer is missing for is said by name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { usage as sidecarUsage } from '../../sidecar/settings/flags.ts';
import type { Shape, Wire } from './pair.ts';
import { missingTool } from './versions.ts';

/** In the order of the tables. */
export const peers = ['direct', 'tulle', 'tulle-bundle', 'envoy-full', 'nginx-full', 'haproxy', 'against'] as const;
export type Peer = (typeof peers)[number];

/** A peer on a wire, and the name of that in tables and on the command line. */
export type Target = Readonly<{ name: string; peer: Peer; wire: Wire }>;

/** `envoy-full` on HTTP/1.1; `envoy-full-mux`; `h2-envoy-full`; `tcp-envoy-full`. No proxy is `direct` on each. */
export function target(peer: Peer, wire: Wire): Target {
  if (peer === 'direct' || wire === 'http1') return { name: peer, peer, wire };
  return { name: wire === 'mux' ? `${peer}-mux` : `${wire}-${peer}`, peer, wire };
}

/** Several peers on one wire. */
export function targetsOn(wire: Wire, names: readonly Peer[] = peers): Target[] {
  return names.map((peer) => target(peer, wire));
}

const features = 'access log, RBAC by SPIFFE ID, request ids, XFCC, retries, outlier detection, ten routes';

/** What of each is measured. */
const about: Readonly<Record<Peer, string>> = {
  direct: 'no proxy',
  tulle: `our sidecars from the source (npm run sidecar), on the files of envoy-full: ${features}`,
  'tulle-bundle': 'the same, bundled as for images',
  'envoy-full': `Envoys, one worker each: ${features}`,
  'nginx-full':
    'nginx, one worker each: access log, ids, trace context, client certificate forwarded and judged, ten locations',
  haproxy: 'haproxy, one thread each: mTLS and pools, and nothing else: a floor, not a rival',
  against: 'the sidecars of another checkout (--against), on the same files',
};
const onWire: Readonly<Record<Wire, string>> = {
  http1: '',
  mux: '; HTTP/2 between the hops',
  h2: '; HTTP/2 on all hops',
  tcp: '; octets: of the features access log and RBAC',
};

/** One line that says what a target is. */
export function aboutTarget({ peer, wire }: Target): string {
  return peer === 'direct' ? about.direct : about[peer] + onWire[wire];
}

/** Why a target cannot be measured here; null if it can. */
export function missingFor({ peer }: Target, shape: Shape, against: string | null): string | null {
  switch (peer) {
    case 'direct':
      return null;
    case 'tulle':
    case 'tulle-bundle':
      return shape.workers > 1 ? missingConcurrency() : null;
    case 'envoy-full':
      return missingTool('envoy');
    case 'nginx-full':
      return missingTool('nginx');
    case 'haproxy':
      return missingTool('haproxy');
    case 'against':
      if (against === null) return 'needs --against FOLDER';
      if (shape.workers > 1) return missingConcurrency();
      return existsSync(join(against, 'package.json')) ? null : `no package.json in ${against}`;
  }
}

function missingConcurrency(): string | null {
  return sidecarUsage.includes('--concurrency') ? null : 'the sidecar has no flag --concurrency yet';
}
