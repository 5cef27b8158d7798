/** Unmodified programs in captured namespaces are in the mesh: psql, and what docs/capture.md says for a laptop, as it stands there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { withoutNamespaces } from '../support/network-namespace.ts';
import { CaptureWorld, serviceAddress } from './capture-world.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const skip = withoutNamespaces('iptables', 'ip6tables', 'setpriv', 'nsenter', 'curl', 'tee');
const [initdb] = globSync('/usr/lib/postgresql/*/bin/initdb');
const withoutPostgres = initdb === undefined || withoutNamespaces('psql') !== false ? 'needs PostgreSQL' : false;

describe('programs in captured namespaces', { skip }, () => {
  let world: CaptureWorld;
  before(async () => {
    world = await CaptureWorld.start({ mode: 'REDIRECT', addresses: 'dual', concurrency: 1, user: 1337 });
  });
  after(() => world.close());

  /** Connections that the server's sidecar took from the client over mutual TLS. */
  const secured = async () => {
    const pattern =
      /^istio_tcp_connections_opened_total\{reporter="destination".*sa\/client".*="mutual_tls".*\} (\d+)$/gm;
    return [...(await world.metrics('server')).matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  test('psql asks a database by its service, over mutual TLS', { skip: withoutPostgres }, async () => {
    await startPostgres(world, initdb ?? '');
    const ask = async (sql: string) => {
      const who = ['--host', serviceAddress[4], '--username', 'shop', '--dbname', 'postgres'];
      const how = ['--no-psqlrc', '--tuples-only', '--no-align', '--command', sql];
      const { code, out, error } = await world.pods.client.run('psql', [...who, ...how]);
      assert.equal(code, 0, error);
      return out.trim();
    };
    await eventually(() => ask('select 1'), 60_000);
    const before = await secured();
    assert.equal(await ask('select inet_client_addr()'), '127.0.0.6');
    assert.equal((await ask("select repeat('x', 1000) from generate_series(1, 2000)")).length, 2000 * 1001 - 1);
    await eventually(async () => (await secured()) === before + 2, 20_000);
  });

  test('what docs/capture.md says for a laptop puts a program into the mesh, and leaves nothing', async () => {
    const text = readFileSync(`${root}docs/capture.md`, 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
    assert.equal(blocks.length, 2);
    const name = `${world.router.name}-laptop`;
    const script = blocks.join('').replace('NAMESPACE=laptop', `NAMESPACE=${name}`);
    const bin = commandsIn(world);
    // Other tests have namespaces of their own meanwhile.
    const ours = `ip netns list | cut -d' ' -f1 | grep -F ${world.router.name} | sort`;
    const look = async () => (await world.router.run('sh', ['-c', `ip addr; ip route; ${ours}`])).out;
    const before = await look();
    const { stdout } = await run('nsenter', [`--net=/run/netns/${world.router.name}`, 'sh', '-ec', script], {
      timeout: 120_000,
      env: {
        ...process.env,
        PATH: `${bin}:${process.env['PATH']}`,
        CA: join(world.folder, 'client', 'ca.pem'),
      },
    }).catch(async (error: unknown) => {
      const takeAway = `ip netns pids ${name} | xargs -r kill; ip netns delete ${name}`;
      await run('sh', ['-c', takeAway]).catch(() => undefined);
      throw error;
    });
    assert.match(stdout, /^captured: IPv4 nat/m);
    assert.match(stdout, /^captured: all rules are there$/m);
    assert.match(stdout, /"caller":"[^"]*.*URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/laptop"/);
    assert.match(stdout, /removed: IPv4 nat/);
    assert.equal(await look(), before);
  });
});

/** The commands that the image has, as scripts of this checkout. */
function commandsIn(world: CaptureWorld): string {
  const bin = join(world.folder, 'bin');
  mkdirSync(bin);
  const script = (name: string, command: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${process.execPath} ${root}${command} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script('meshctl', `meshctl/main.ts --data-dir ${join(world.folder, 'cp')}`);
  script('tulle-sidecar', 'sidecar/main.ts');
  return bin;
}

/** PostgreSQL in the server's pod, as its own user: it refuses to run as root. */
async function startPostgres({ folder, pods: { server } }: CaptureWorld, command: string): Promise<void> {
  const home = join(folder, 'postgres');
  const data = join(home, 'data');
  mkdirSync(home);
  const idOf = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
  const [uid, gid] = [await idOf('-u'), await idOf('-g')];
  chmodSync(folder, 0o755);
  chownSync(home, uid, gid);
  const as = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  const init = [command, '--pgdata', data, '--username', 'shop', '--auth', 'trust', '--no-sync'];
  const { code, error } = await server.run('setpriv', [...as, ...init], 60_000);
  assert.equal(code, 0, error);
  appendFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
  const settings = ['-D', data, '-F', '-c', 'listen_addresses=*', '-c', `unix_socket_directories=${home}`];
  server.start('setpriv', [...as, command.replace(/initdb$/, 'postgres'), ...settings], { stdio: 'ignore' });
}
