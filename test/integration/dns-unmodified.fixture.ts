/**
 * Runs in a network and mount namespace, as in a pod: rules of `meshctl capture apply --dns`, a sidecar whose user they spare, and
 * programs of another user that know nothing of the mesh. Prints what those found.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { anAnswer, FakeResolver } from '../../sidecar/dns/dns.fixture.ts';
import { TestMesh } from '../support/mesh.ts';
import { startDatabases } from './dns-databases.fixture.ts';
import { metric } from './workers.fixture.ts';

const run = promisify(execFile);
const asApp = ['--reuid', '12345', '--regid', '12345', '--clear-groups'];
const app = async (...command: string[]) =>
  run('setpriv', [...asApp, ...command], { timeout: 20_000 }).then(
    ({ stdout }) => stdout.trim(),
    (error: unknown) => String(error),
  );

const nameserver = '10.96.0.10';
writeFileSync(
  '/etc/resolv.conf',
  `nameserver ${nameserver}\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5\n`,
);
const resolver = await FakeResolver.start(
  (query) => anAnswer(query, [{ type: 'A', name: 'outside.example', ttl: 60, data: '10.7.7.7' }]),
  { host: nameserver, port: 53 },
);
const databases = await startDatabases();
const mesh = await TestMesh.start(databases.files);
try {
  const flags = ['--interception', 'REDIRECT', '--dns', 'localhost:15053'];
  const sidecar = await mesh.startSidecar({ name: 'client', account: 'client', labels: {}, flags });
  await run(process.execPath, ['meshctl/main.ts', 'capture', 'apply', '--dns', '--uid', '0', '--gid', '0']);
  const said = await Promise.all(
    databases.names.map((name) => app('bash', '-c', `cat < /dev/tcp/${name}.db.example/5432`)),
  );
  const outside = await app('getent', 'ahostsv4', 'outside.example.');
  console.log(
    JSON.stringify({
      said,
      outside: outside.split(/\s+/)[0],
      asked: resolver.asked,
      hasCounted: (await metric(sidecar.adminPort, 'dns_requests_total')) >= 5,
    }),
  );
} finally {
  await mesh.close();
  databases.close();
  await resolver.close();
}
