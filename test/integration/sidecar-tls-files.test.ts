/** Certificates that lie in files: no connection is taken before they are read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { connect as connectPlainly } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { connect } from 'node:tls';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, StaticSidecar } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const root = aRoot();
const server = aWorkloadLeaf(root);
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-tls-files-'));
  await writeFile(join(folder, 'key.pem'), server.keyPem);
});

after(() => rm(folder, { recursive: true, force: true }));

/** A named pipe: whoever reads it waits until somebody writes. */
function aPipe(name: string): string | null {
  const path = join(folder, name);
  return spawnSync('mkfifo', [path]).status === 0 ? path : null;
}

function reach(port: number): Promise<'taken' | 'refused'> {
  return new Promise((resolve) => {
    const socket = connectPlainly({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve('taken');
    });
    socket.on('error', () => resolve('refused'));
  });
}

it('a listener takes no connection before its certificate is read, and its first one is served', async (context) => {
  const path = aPipe('cert.pem');
  if (path === null) return context.skip('needs mkfifo');
  const port = await freePort();
  const certificate = { certificate_chain: { filename: path }, private_key: { filename: join(folder, 'key.pem') } };
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  const transport = {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': type, common_tls_context: { tls_certificates: [certificate] } },
  };
  const listeners = [aListener('secure', port, 'nowhere', { transport })];
  const clusters = [aCluster('nowhere', await freePort())];
  // A pipe can be read but once.
  const flags = ['--concurrency', '1'];
  const sidecar = await StaticSidecar.start({ static_resources: { listeners, clusters } }, [], { flags });
  try {
    // Opens when the sidecar reads.
    const pipe = await open(path, 'w');
    assert.equal(await reach(port), 'refused');
    await pipe.writeFile(server.pem);
    await pipe.close();
    await eventually(async () => assert.equal(await reach(port), 'taken'));
    const socket = connect({ port, host: '127.0.0.1', ca: root.pem, checkServerIdentity: () => undefined });
    await once(socket, 'secureConnect');
    socket.destroy();
    const refusals = sidecar.log.filter(({ reason }) => reason === 'no_own_certificate');
    assert.deepEqual(refusals, []);
  } finally {
    await sidecar.stop();
  }
});
