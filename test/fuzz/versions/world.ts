/**
 * Two sidecars and the applications behind them, in lanes: each lane has ports and applications of its own, so that what arrives there
 * belongs to the case that runs in it.
 *
 *     mux:   HTTP/1.1 -> sidecar A -> mutual TLS, HTTP/2 -> sidecar B -> HTTP/1.1
 *     down:  HTTP/2   -> sidecar B -> HTTP/1.1
 *     up:    HTTP/1.1 -> sidecar A -> HTTP/2
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aCluster, aListener, mutualTls, StaticSidecar, type Json } from '../../integration/sidecar-static.fixture.ts';
import { aRoot, aWorkloadLeaf } from '../../support/certificates.ts';
import { Http1App, Http2App } from './apps.ts';
import { freePort } from '../../support/free-port.ts';

/** Ports of the sidecars, and the applications behind them. */
export type Lane = Readonly<{
  mux: number;
  down: number;
  up: number;
  http1: Http1App;
  http2: Http2App;
  http2Port: number;
}>;

type Ports = Readonly<{ mux: number; down: number; up: number; between: number; http1: number; http2: number }>;

const types = 'type.googleapis.com/envoy.extensions.';
/** Istio's Envoy joins several Host lines. */
const strict = ['--compat', 'tulle'];
const callerId = 'spiffe://cluster.local/ns/shop/sa/a';
const calleeId = 'spiffe://cluster.local/ns/shop/sa/b';

/** Everything that runs; `close` stops it. */
export class World {
  readonly lanes: readonly Lane[];
  readonly #sidecars: readonly StaticSidecar[];
  readonly #folder: string;
  #isClosed = false;
  /** Set when a sidecar ended by itself. */
  crash: string | null = null;

  private constructor(lanes: readonly Lane[], sidecars: readonly StaticSidecar[], folder: string) {
    this.lanes = lanes;
    this.#sidecars = sidecars;
    this.#folder = folder;
    for (const [index, sidecar] of sidecars.entries()) {
      void sidecar.exited.then((code) => {
        if (this.#isClosed) return;
        this.crash = `sidecar ${index === 0 ? 'A' : 'B'} ended with ${code}: ${sidecar.lastWords}`;
      });
    }
  }

  static async start(lanes: number): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-versions-'));
    const started: Lane[] = [];
    const places: Ports[] = [];
    for (let n = 0; n < lanes; n++) {
      const [http1, http2] = [new Http1App(), new Http2App()];
      const own = { mux: await freePort(), down: await freePort(), up: await freePort(), between: await freePort() };
      places.push({ ...own, http1: await http1.listen(), http2: await http2.listen() });
      started.push({ ...own, http1, http2, http2Port: places.at(-1)?.http2 ?? 0 });
    }
    const { a, b } = bootstraps(places, folder);
    const sidecars = [
      await StaticSidecar.start(
        a,
        places.flatMap(({ mux, up }) => [mux, up]),
        { flags: strict },
      ),
      await StaticSidecar.start(
        b,
        places.flatMap(({ down, between }) => [down, between]),
        { flags: strict },
      ),
    ];
    return new World(started, sidecars, folder);
  }

  /** Local answers that the sidecars gave, by status and the detail that names the reason, with their number. */
  async refusals(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const name of ['a', 'b']) {
      const text = await readFile(join(this.#folder, `${name}.log`), 'latin1').catch(() => '');
      for (const line of text.split('\n').filter((each) => each !== '')) {
        // What broke off an answer has nothing to do with its status.
        const reason = line.trim().replace(/^\d+ (?=.*after_response_started)/, '');
        if (!reason.endsWith(' via_upstream')) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Lines of the sidecars' own logs that tell of a fault of the program. */
  complaints(): string[] {
    const lines = this.#sidecars.flatMap((sidecar) => sidecar.log);
    return lines.filter(({ level }) => level === 'error' || level === 'fatal').map((line) => JSON.stringify(line));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#sidecars.map((sidecar) => sidecar.stop()));
    for (const { http1, http2 } of this.lanes) {
      http1.close();
      http2.close();
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function bootstraps(places: readonly Ports[], folder: string): { a: Json; b: Json } {
  const root = aRoot();
  const caller = aWorkloadLeaf(root, { spiffeId: callerId });
  const callee = aWorkloadLeaf(root, { spiffeId: calleeId });
  const upstreamTls = mutualTls('Upstream', caller, { root, peers: [calleeId] });
  const downstreamTls = mutualTls('Downstream', callee, { root, peers: [callerId] });
  const listenersOfA = places.flatMap(({ mux, up }, n) => [
    aListener(`mux-${n}`, mux, '', { manager: manager(folder, 'a', `between-${n}`) }),
    aListener(`up-${n}`, up, '', { manager: manager(folder, 'a', `http2-${n}`) }),
  ]);
  const clustersOfA = places.flatMap(({ between, http2 }, n) => [
    { ...aCluster(`between-${n}`, between, upstreamTls), ...http2Options },
    { ...aCluster(`http2-${n}`, http2), ...http2Options },
  ]);
  const listenersOfB = places.flatMap(({ between, down }, n) => [
    aListener(`between-${n}`, between, '', { manager: manager(folder, 'b', `http1-${n}`), transport: downstreamTls }),
    aListener(`down-${n}`, down, '', { manager: manager(folder, 'b', `http1-${n}`) }),
  ]);
  const clustersOfB = places.map(({ http1 }, n) => ({ ...aCluster(`http1-${n}`, http1), ...trailersToo }));
  return {
    a: { static_resources: { listeners: listenersOfA, clusters: clustersOfA } },
    b: { static_resources: { listeners: listenersOfB, clusters: clustersOfB } },
  };
}

function manager(folder: string, name: string, cluster: string): Json {
  const log = {
    '@type': `${types}access_loggers.file.v3.FileAccessLog`,
    path: join(folder, `${name}.log`),
    log_format: { text_format_source: { inline_string: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n' } },
  };
  // An application that has ended a connection while it was chosen again is asked on another, as in a mesh.
  const again = { retry_on: 'reset-before-request', num_retries: 2 };
  const routes = [{ match: { prefix: '/' }, route: { cluster, retry_policy: again } }];
  return {
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    access_log: [{ name: 'file', typed_config: log }],
    http_protocol_options: { enable_trailers: true, accept_http_10: true },
  };
}

const optionsOf = (explicit: Json): Json => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${types}upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: explicit,
    },
  },
});
const http2Options = optionsOf({ http2_protocol_options: {} });
const trailersToo = optionsOf({ http_protocol_options: { enable_trailers: true } });
