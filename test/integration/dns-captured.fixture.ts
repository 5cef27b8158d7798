/** Runs in a network namespace whose rules capture DNS and automatic addresses: looks two names up, connects, prints what it found. */
import { spawnSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { isErrno } from '#shared/runtime/errno.ts';
import { TestMesh } from '../support/mesh.ts';
import { startDatabases } from './dns-databases.fixture.ts';
import { metric } from './workers.fixture.ts';

const resolvConf = 'nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n';

const databases = await startDatabases();
const mesh = await TestMesh.start({
  ...databases.files,
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
    databases.names.map(async (name) => {
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
  databases.close();
}
