/**
 * Programs that know of no mesh, in network namespaces whose traffic `meshctl capture` brings to a sidecar: REDIRECT and TPROXY, IPv4 and
 * IPv6, HTTP, TLS, TCP whose server speaks first, and UDP; out, in, and to themselves. Needs root; a world takes a few seconds.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.ts';
import { type NetworkNamespace, withoutNamespaces } from '../support/network-namespace.ts';
import type { Probe } from './capture-client.ts';
import { CaptureWorld, outside, podAddresses, serviceAddress, type WorldOptions } from './capture-world.ts';

const skip = withoutNamespaces('iptables', 'ip6tables', 'setpriv', 'curl', 'tee');
const program = fileURLToPath(new URL('capture-client.ts', import.meta.url));

/** What the application says of a request: who asks, from which address. */
type Told = Readonly<{ url: string; from: string; caller: string }>;

const worlds: readonly WorldOptions[] = [
  { mode: 'REDIRECT', addresses: 'dual', concurrency: 1, user: 1337 },
  { mode: 'REDIRECT', addresses: 'IPv6', concurrency: 2, user: 1337 },
  { mode: 'TPROXY', addresses: 'dual', concurrency: 2, user: 1337 },
  { mode: 'TPROXY', addresses: 'IPv6', concurrency: 1, user: 0 },
];

const inUrl = (address: string) => (address.includes(':') ? `[${address}]` : address);
const clientUri = 'URI=spiffe://cluster.local/ns/shop/sa/client';
const serverUri = 'URI=spiffe://cluster.local/ns/shop/sa/server';

async function curl(space: NetworkNamespace, url: string, ...args: readonly string[]): Promise<Told> {
  const { code, out, error } = await space.run('curl', ['-sSk', '--max-time', '10', ...args, url]);
  assert.equal(code, 0, `${url}: ${error}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of our own application
  return JSON.parse(out) as Told;
}

async function probe(space: NetworkNamespace, ...probes: readonly Probe[]): Promise<readonly string[]> {
  const { out, error } = await space.run(process.execPath, [program, JSON.stringify(probes)]);
  assert.notEqual(out, '', error);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of our own program
  return JSON.parse(out) as readonly string[];
}

for (const options of worlds) {
  const { mode, addresses } = options;
  describe(`capture by ${mode}, pods with ${addresses === 'dual' ? 'IPv4 and IPv6' : addresses}`, { skip }, () => {
    let world: CaptureWorld;
    before(async () => {
      world = await CaptureWorld.start(options);
    });
    after(() => world.close());

    const [primary] = addresses === 'dual' ? ([4, 6] as const) : ([6] as const);
    /** The address that the application sees: of its sidecar, or with TPROXY of who called its pod. */
    const seen = (caller: string, version: 4 | 6) =>
      mode === 'TPROXY' ? caller : { 4: '127.0.0.6', 6: '::6' }[version];

    for (const version of addresses === 'dual' ? ([4, 6] as const) : ([6] as const)) {
      const service = serviceAddress[version];
      const pod = podAddresses.server[version];
      const vip = inUrl(service);

      test(`IPv${version}, out: HTTP, TLS and server-first TCP reach a service over mutual TLS`, async () => {
        const { client } = world.pods;
        const from = seen(podAddresses.client[primary], primary);
        const http = await curl(client, `http://${vip}/out`, '-H', 'Host: server.shop');
        assert.deepEqual([http.url, http.from], ['/out', from]);
        assert.match(http.caller, new RegExp(clientUri));
        const tls = await curl(client, `https://${vip}/tls`);
        assert.deepEqual([tls.url, tls.from, tls.caller], ['/tls', from, '']);
        assert.deepEqual(await probe(client, { kind: 'tcp', host: service, port: 9000 }), [`hello ${from} ping`]);
      });

      test(`IPv${version}, out: a pod of a headless service is reached at its own address, over mutual TLS`, async () => {
        const { client } = world.pods;
        const from = seen(podAddresses.client[version], version);
        const http = await curl(client, `http://${inUrl(pod)}:8080/pod`, '-H', 'Host: headless.shop:8080');
        assert.equal(http.from, from);
        assert.match(http.caller, new RegExp(clientUri));
        // TCP has nothing but the address to be known by: the one that the workload is registered with.
        if (version !== primary) return;
        assert.deepEqual(await probe(client, { kind: 'tcp', host: pod, port: 9000 }), [`hello ${from} ping`]);
      });

      test(`IPv${version}, in: HTTP, TLS and server-first TCP of a client outside of the mesh`, async () => {
        const from = seen(outside[version], version);
        const http = await curl(world.router, `http://${inUrl(pod)}:8080/in`);
        assert.deepEqual(http, { url: '/in', from, caller: '' });
        const tls = await curl(world.router, `https://${inUrl(pod)}:8443/in`);
        assert.deepEqual(tls, { url: '/in', from, caller: '' });
        assert.deepEqual(await probe(world.router, { kind: 'tcp', host: pod, port: 9002 }), [`hello ${from} ping`]);
      });

      test(`IPv${version}, in: an excluded port is not captured`, async () => {
        const { from } = await curl(world.router, `http://${inUrl(pod)}:8081/`);
        assert.equal(from, outside[version]);
      });

      test(`IPv${version}, to itself by its service: out and in again, over mutual TLS`, async () => {
        const { server } = world.pods;
        const from = seen(podAddresses.server[primary], primary);
        const http = await curl(server, `http://${vip}/self`, '-H', 'Host: server.shop');
        assert.equal(http.from, from);
        assert.match(http.caller, new RegExp(serverUri));
        assert.equal((await curl(server, `https://${vip}/self`)).from, from);
        assert.deepEqual(await probe(server, { kind: 'tcp', host: service, port: 9000 }), [`hello ${from} ping`]);
      });

      test(`IPv${version}, to itself by an address of its own: never captured`, async () => {
        const { server } = world.pods;
        for (const address of [pod, { 4: '127.0.0.1', 6: '::1' }[version]]) {
          for (const url of [`http://${inUrl(address)}:8080/`, `https://${inUrl(address)}:8443/`])
            assert.deepEqual(await curl(server, url), { url: '/', from: address, caller: '' });
          const found = await probe(server, { kind: 'tcp', host: address, port: 9000 });
          assert.deepEqual(found, [`hello ${address} ping`]);
        }
      });

      test(`IPv${version}: UDP is left alone, out, in and to itself`, async () => {
        const udp: Probe = { kind: 'udp', host: pod, port: 9001 };
        const { client, server } = world.pods;
        assert.deepEqual(await probe(client, udp), [`${podAddresses.client[version]} ping`]);
        assert.deepEqual(await probe(world.router, udp), [`${outside[version]} ping`]);
        assert.deepEqual(await probe(server, udp), [`${pod} ping`]);
      });
    }

    test("the peer's sidecar counts the connections and requests of the client as mutual TLS", async () => {
      for (const metric of ['istio_requests_total', 'istio_tcp_connections_opened_total']) {
        const pattern = new RegExp(
          `^${metric}\\{reporter="destination".*source_principal="spiffe://cluster.local/ns/shop/sa/client".*` +
            `connection_security_policy="mutual_tls".*\\} [1-9]`,
          'm',
        );
        await eventually(async () => pattern.test(await world.metrics('server')), 20_000);
      }
    });

    test('meshctl capture check finds all as it should be beside a running sidecar', async () => {
      for (const pod of ['client', 'server'] as const)
        await world.capture(pod, 'check', '--mode', mode, '--exclude-inbound-ports', '8081');
    });
  });
}
