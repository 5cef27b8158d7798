/** Names of the mesh as applications look them up, from a folder of YAML to the answer; in a namespace also to the connection. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { after, before, describe, it, test } from 'node:test';
import { FakeResolver, anAnswer } from '../../sidecar/dns/dns.fixture.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { NetworkNamespace, withoutNamespaces } from '../support/network-namespace.ts';
import { metric } from './workers.fixture.ts';

const entry = (name: string, host: string, more = 'resolution: DNS') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: shop}
spec:
  hosts: ['${host}']
  location: MESH_EXTERNAL
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  ${more}
`;
const service = `
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {clusterIP: 10.96.1.1, selector: {app: orders}, ports: [{name: http, port: 80, protocol: TCP}]}
`;

describe('a sidecar with a DNS proxy', () => {
  let mesh: TestMesh;
  let sidecar: RunningSidecar;
  let upstream: FakeResolver;
  let port = 0;
  const flags = () => ['--dns', `localhost:${port}`, '--resolv-conf', `${mesh.folder}/config/resolv.conf`];
  const ask = () => {
    const resolver = new Resolver({ timeout: 1000, tries: 3 });
    resolver.setServers([`127.0.0.1:${port}`]);
    return resolver;
  };

  before(async () => {
    upstream = await FakeResolver.start((query) =>
      anAnswer(query, [{ type: 'A', name: 'outside.example', ttl: 60, data: '10.7.7.7' }]),
    );
    port = await freePort();
    mesh = await TestMesh.start({
      'service.yaml': service,
      'db.yaml': entry('db', 'db.example', 'resolution: DNS\n  addresses: [10.5.5.5]'),
      'outside.yaml': entry('outside', 'outside.example'),
      'wild.yaml': entry('wild', '*.wild.example', 'resolution: NONE\n  addresses: [10.8.8.8]'),
      'resolv.conf': `nameserver [127.0.0.1]:${upstream.port}\nsearch shop.svc.cluster.local svc.cluster.local\n`,
    });
    sidecar = await mesh.startSidecar({ name: 'client', account: 'client', labels: {}, flags: flags() });
  });
  after(async () => {
    await mesh.close();
    await upstream.close();
  });

  it('is ready when it knows the names, and answers for the mesh and for others', async () => {
    assert.deepEqual(await ask().resolve4('orders'), ['10.96.1.1']);
    assert.deepEqual(await ask().resolve4('orders.shop.svc.cluster.local'), ['10.96.1.1']);
    assert.deepEqual(await ask().resolve4('db.example'), ['10.5.5.5']);
    assert.deepEqual(await ask().resolve4('db.example.shop.svc.cluster.local'), ['10.5.5.5'], 'by an alias');
    assert.deepEqual(await ask().resolve4('a.wild.example'), ['10.8.8.8']);
    // Known to the mesh, but without capture there are no automatic addresses.
    assert.deepEqual(await ask().resolve4('outside.example'), ['10.7.7.7']);
    assert.ok((await metric(sidecar.adminPort, 'dns_requests_total')) >= 6);
    assert.equal(await metric(sidecar.adminPort, 'dns_upstream_requests_total'), 1);
  });

  it('follows the configuration', async () => {
    await mesh.write('late.yaml', entry('late', 'late.example', 'resolution: NONE\n  addresses: [10.9.9.9]'));
    await eventually(async () => assert.deepEqual(await ask().resolve4('late.example'), ['10.9.9.9']));
    await mesh.write('late.yaml', entry('late', 'late.example', 'resolution: NONE\n  addresses: [10.9.9.10]'));
    await eventually(async () => assert.deepEqual(await ask().resolve4('late.example'), ['10.9.9.10']));
  });

  it('loses no question when another process takes over', async () => {
    const failures: unknown[] = [];
    let count = 0;
    const over = new AbortController();
    const asking = Array.from({ length: 4 }, async () => {
      // Without another try: what is lost is seen.
      const resolver = new Resolver({ timeout: 1000, tries: 1 });
      resolver.setServers([`127.0.0.1:${port}`]);
      while (!over.signal.aborted) {
        count++;
        await resolver.resolve4('orders').catch((error: unknown) => failures.push(error));
      }
    });
    const response = await fetch(`http://127.0.0.1:${sidecar.adminPort}/upgrade`, { method: 'POST' });
    assert.equal(response.status, 200, await response.text());
    await eventually(async () => assert.ok((await metric(sidecar.adminPort, 'dns_requests_total')) > 100));
    over.abort();
    await Promise.all(asking);
    assert.deepEqual(failures, []);
    assert.ok(count > 100, String(count));
  });

  it('knows the names when it starts while the control plane is away', async () => {
    await mesh.kill('client', 'SIGTERM');
    await mesh.kill('control-plane');
    sidecar = await mesh.startSidecar({ name: 'client', account: 'client', labels: {}, flags: flags() }, false);
    assert.deepEqual(await ask().resolve4('orders'), ['10.96.1.1']);
  });
});

test(
  'programs of a pod that know nothing of the mesh are led to the names and addresses of it',
  { skip: withoutNamespaces('iptables', 'ip6tables', 'unshare', 'setpriv', 'getent') },
  async () => {
    const namespace = new NetworkNamespace();
    const node = new NetworkNamespace();
    try {
      const [own, other] = [['10.50.0.1/24'], ['10.50.0.2/24']];
      NetworkNamespace.join('eth0', { in: namespace, addresses: own }, { in: node, addresses: other });
      namespace.ip('addr add 10.96.0.10/32 dev lo');
      namespace.ip('route add default via 10.50.0.2');
      const script = `mount -t tmpfs none /mnt && touch /mnt/resolv.conf && chmod 755 /mnt && mount --bind /mnt/resolv.conf /etc/resolv.conf &&
        exec ${process.execPath} test/integration/dns-unmodified.fixture.ts`;
      const { code, out, error } = await namespace.run('unshare', ['--mount', 'sh', '-c', script], 60_000);
      assert.equal(code, 0, error);
      assert.deepEqual(JSON.parse(out), {
        said: ['I am orders', 'I am stock'],
        outside: '10.7.7.7',
        // Of the sidecar: its user is spared.
        asked: ['udp outside.example'],
        hasCounted: true,
      });
    } finally {
      await namespace.close();
      await node.close();
    }
  },
);

test(
  'two databases on one port are told apart by the addresses of their names',
  { skip: withoutNamespaces('iptables', 'unshare') },
  async () => {
    const namespace = new NetworkNamespace();
    const inside = async (command: string, ...args: string[]): Promise<string> => {
      const { code, out, error } = await namespace.run(command, args);
      assert.equal(code, 0, error);
      return out;
    };
    try {
      namespace.ip('addr add 10.50.0.1/32 dev lo');
      namespace.ip('route add default dev lo src 10.50.0.1');
      // What applications ask of the cluster's resolver, and where they connect to; the sidecar's own questions are not spared.
      for (const rule of [
        '-p udp --dport 53 -j REDIRECT --to-ports 15053',
        '-p tcp -d 240.240.0.0/16 -j REDIRECT --to-ports 15001',
      ])
        await inside('iptables', '-t', 'nat', '-A', 'OUTPUT', ...rule.split(' '));
      const printed = await inside(process.execPath, 'test/integration/dns-captured.fixture.ts');
      assert.deepEqual(JSON.parse(printed), {
        orders: 'I am orders',
        stock: 'I am stock',
        byLibrary: 'the same',
        areDifferent: true,
        // The question comes back by the rule for UDP: it is known, and not asked again.
        unknown: 'ESERVFAIL',
        upstreamRequests: 1,
      });
    } finally {
      await namespace.close();
    }
  },
);
