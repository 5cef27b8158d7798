/** Runs in a network namespace whose rules capture DNS and automatic addresses: looks two names up, connects, prints what it found. */
import { spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { isErrno } from '#shared/runtime/errno.ts';
import { TestMesh } from '../support/mesh.ts';
import { metric } from './workers.fixture.ts';

const entry = (name: string, port: number) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: shop}
spec:
  hosts: [${name}.db.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  endpoints: [{address: 127.0.0.1, ports: {tcp: ${port}}}]
`;

const resolvConf = 'nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n';

const databases = await Promise.all(
  ['orders', 'stock'].map(async (name) => {
    const server = createServer((socket) => socket.end(`I am ${name}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { name, server, port: (server.address() as AddressInfo).port };
  }),
);
const mesh = await TestMesh.start({
  ...Object.fromEntries(databases.map(({ name, port }) => [`${name}.yaml`, entry(name, port)])),
  'resolv.conf': resolvConf,
});
const file = `${mesh.folder}/config/resolv.conf`;
try {
  const sidecar = await mesh.startSidecar({
    name: 'client',
    account: 'client',
    labels: {},
    flags: ['--interception', 'REDIRECT', '--dns', '127.0.0.1:15053', '--resolv-conf', file],
  });
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers(['10.96.0.10']);
  const found = await Promise.all(
    databases.map(async ({ name }) => {
      const [address = ''] = await resolver.resolve4(`${name}.db.example`);
      return { name, address, said: await text(connect(5432, address)) };
    }),
  );
  // The resolver of the C library, by its search domains: in a mount namespace, where this file is its own.
  const script = `mount --bind ${file} /etc/resolv.conf && exec getent ahosts orders.db.example`;
  const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
  const [line = stderr] = stdout.split('\n');
  const unknown = await resolver
    .resolve4('nowhere.example')
    .then(String, (error: unknown) => (isErrno(error, 'ESERVFAIL') ? 'ESERVFAIL' : String(error)));
  console.log(
    JSON.stringify({
      ...Object.fromEntries(found.map(({ name, said }) => [name, said])),
      byLibrary: line.split(/\s+/)[0] === found[0]?.address ? 'the same' : line,
      areDifferent: found[0]?.address !== found[1]?.address,
      unknown,
      upstreamRequests: await metric(sidecar.adminPort, 'dns_upstream_requests_total'),
    }),
  );
} finally {
  await mesh.close();
  for (const { server } of databases) server.close();
}
