/** PostgreSQL, whose server is no HTTP and speaks when it is spoken to: psql through two sidecars that pass TCP on, over mutual TLS. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aTcpListener, mutualTls, StaticSidecar } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const run = promisify(execFile);
const [initdb] = globSync('/usr/lib/postgresql/*/bin/initdb');
const hasPsql = spawnSync('psql', ['--version']).status === 0;
const skip = initdb !== undefined && hasPsql ? false : 'needs a PostgreSQL with its psql';

const root = aRoot();
const clientId = 'spiffe://cluster.local/ns/shop/sa/client';
const serverId = 'spiffe://cluster.local/ns/shop/sa/database';
const client = aWorkloadLeaf(root, { spiffeId: clientId });
const server = aWorkloadLeaf(root, { spiffeId: serverId });

/** PostgreSQL refuses to run as root. */
function identity(): Readonly<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'postgres']).stdout.toString());
  return { uid: idOf('-u'), gid: idOf('-g') };
}

describe('psql through two sidecars', { skip }, () => {
  const sidecars: StaticSidecar[] = [];
  let database: ChildProcess;
  let folder = '';
  let port = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tulle-postgres-'));
    const who = identity();
    await chmod(folder, 0o755);
    if (who.uid !== undefined && who.gid !== undefined) await chown(folder, who.uid, who.gid);
    const data = join(folder, 'data');
    await run(initdb ?? '', ['--pgdata', data, '--username', 'shop', '--auth', 'trust', '--no-sync'], {
      ...who,
      cwd: folder,
    });
    const [own, inbound] = [await freePort(), await freePort()];
    port = await freePort();
    const settings = [
      '-F',
      '-p',
      `${own}`,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${folder}`,
    ];
    const binary = (initdb ?? '').replace(/initdb$/, 'postgres');
    database = spawn(binary, ['-D', data, ...settings], { ...who, cwd: folder, stdio: 'ignore' });
    const transports = {
      down: mutualTls('Downstream', server, { root, peers: [clientId] }),
      up: mutualTls('Upstream', client, { root, peers: [serverId] }),
    };
    const beside = {
      listeners: [aTcpListener('inbound', inbound, 'database', { transport: transports.down })],
      clusters: [aCluster('database', own)],
    };
    const outbound = {
      listeners: [aTcpListener('outbound', port, 'mesh')],
      clusters: [aCluster('mesh', inbound, transports.up)],
    };
    sidecars.push(await StaticSidecar.start({ static_resources: beside }, [inbound]));
    sidecars.push(await StaticSidecar.start({ static_resources: outbound }, [port]));
    await eventually(() => ask('select 1'), 20_000);
  });

  after(async () => {
    for (const sidecar of sidecars) await sidecar.stop();
    const ended = new Promise((done) => database.once('exit', done));
    database.kill('SIGQUIT');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(sql: string): Promise<string> {
    const args = ['--host', '127.0.0.1', '--port', `${port}`, '--username', 'shop', '--dbname', 'postgres'];
    const { stdout } = await run('psql', [...args, '--no-psqlrc', '--tuples-only', '--no-align', '--command', sql], {
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, PGCONNECT_TIMEOUT: '10' },
    });
    return stdout.trim();
  }

  it('asks and is answered, also at length', async () => {
    assert.equal(await ask('select 6 * 7'), '42');
    const rows = await ask("select repeat('x', 1000) from generate_series(1, 5000)");
    assert.equal(rows.length, 5000 * 1001 - 1);
  });

  it('is told of errors as by the server itself', async () => {
    await assert.rejects(ask('select nonsense'), /column "nonsense" does not exist/);
  });

  it('asks over many connections at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => ask(`select ${i}, pg_sleep(0.1)`)));
    assert.deepEqual(
      answers.map((answer) => answer.split('|')[0]),
      Array.from({ length: 10 }, (_, i) => `${i}`),
    );
  });
});
