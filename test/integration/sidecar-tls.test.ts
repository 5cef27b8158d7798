/** Who gets in over mutual TLS, who does not, and what the log says of it. Handshakes are those of node:tls and openssl. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect, createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { aRoot, aWorkloadLeaf, type TestLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, mutualTls, StaticSidecar } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const hourMs = 3_600_000;
const clientId = 'spiffe://cluster.local/ns/shop/sa/client';
const serverId = 'spiffe://cluster.local/ns/shop/sa/server';
const root = aRoot();
const otherRoot = aRoot({ trustDomain: 'elsewhere' });
const server = aWorkloadLeaf(root, { spiffeId: serverId });
const client = aWorkloadLeaf(root, { spiffeId: clientId });
const expired = aWorkloadLeaf(root, { spiffeId: clientId, now: Date.now() - 2 * hourMs, lifeMs: hourMs });
const misnamed = aWorkloadLeaf(root, { spiffeId: 'spiffe://cluster.local/ns/shop/sa/somebody' });
const foreign = aWorkloadLeaf(root, { spiffeId: 'spiffe://elsewhere/ns/shop/sa/client' });
const stranger = aWorkloadLeaf(otherRoot, { spiffeId: clientId });

type Answer = Readonly<{ status: number; body: string }>;

/** Sends a request with a certificate; null when the connection was refused. */
function ask(port: number, certificate: TestLeaf | null, lines: readonly string[] = []): Promise<Answer | null> {
  return new Promise((resolve) => {
    const own = certificate === null ? {} : { cert: certificate.pem, key: certificate.keyPem };
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...own });
    let text = '';
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(text === '' ? null : { status: Number(text.slice(9, 12)), body: text }));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.write(['GET / HTTP/1.1', 'Host: app', 'Connection: close', ...lines, '', ''].join('\r\n'));
  });
}

function askPlainly(port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

const portOf = (listening: Server | TlsServer) => (listening.address() as AddressInfo).port;

describe('a sidecar with mutual TLS', () => {
  let sidecar: StaticSidecar;
  let app: Server;
  let secureApp: TlsServer;
  let ports: Readonly<{ inbound: number; toRight: number; toWrong: number }>;
  let seen: string | undefined;

  before(async () => {
    app = createServer((message, response) => {
      seen = String(message.headers['x-forwarded-client-cert']);
      response.end('from the application');
    });
    const tls = { cert: server.pem, key: server.keyPem, ca: root.pem, requestCert: true };
    secureApp = createTlsServer(tls, (socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    );
    await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
    await new Promise<void>((done) => secureApp.listen(0, '127.0.0.1', done));
    ports = { inbound: await freePort(), toRight: await freePort(), toWrong: await freePort() };
    const manager = {
      forward_client_cert_details: 'APPEND_FORWARD',
      set_current_client_cert_details: { subject: true, dns: true, uri: true },
    };
    const inbound = mutualTls('Downstream', server, { root, peers: [clientId] });
    const listeners = [
      aListener('inbound', ports.inbound, 'app', { manager, transport: inbound }),
      aListener('right', ports.toRight, 'right'),
      aListener('wrong', ports.toWrong, 'wrong'),
    ];
    const clusters = [
      aCluster('app', portOf(app)),
      aCluster('right', portOf(secureApp), mutualTls('Upstream', client, { root, peers: [serverId] })),
      aCluster('wrong', portOf(secureApp), mutualTls('Upstream', client, { root, peers: [clientId] })),
    ];
    sidecar = await StaticSidecar.start({ static_resources: { listeners, clusters } }, Object.values(ports));
  });

  after(async () => {
    await sidecar.stop();
    app.closeAllConnections();
    app.close();
    secureApp.close();
  });

  /** The reason of the refusal that comes after the given number of them. */
  const reasonAfter = (count: number) =>
    eventually(() => {
      const line = refusals()[count];
      assert(line !== undefined, 'nothing was logged');
      return line['reason'];
    }, 5000);
  const refusals = () => sidecar.log.filter(({ msg }) => msg === 'a TLS connection was refused');

  const refused: readonly (readonly [string, TestLeaf | null, string])[] = [
    ['without a certificate', null, 'no_certificate'],
    ['with one of another authority', stranger, 'unknown_ca'],
    ['with one of another trust domain', foreign, 'wrong_name'],
    ['with an expired one', expired, 'expired'],
    ['with another name', misnamed, 'wrong_name'],
  ];
  for (const [name, certificate, reason] of refused) {
    it(`a client ${name} is refused, and the log says ${reason}`, async () => {
      const before_ = refusals().length;
      assert.equal(await ask(ports.inbound, certificate), null);
      assert.equal(await reasonAfter(before_), reason);
    });
  }

  it('openssl s_client without a certificate is refused, and the log says no_certificate', async (context) => {
    if (spawnSync('openssl', ['version']).error !== undefined) return context.skip('needs openssl');
    const count = refusals().length;
    const args = ['s_client', '-connect', `127.0.0.1:${ports.inbound}`, '-ign_eof'];
    const { stdout } = spawnSync('openssl', args, { input: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', timeout: 5000 });
    assert.doesNotMatch(stdout.toString(), /HTTP\/1\.1 200/);
    assert.equal(await reasonAfter(count), 'no_certificate');
  });

  it('the right client is served, and the application is told who it is; what it claims itself is appended to', async () => {
    const answer = await ask(ports.inbound, client);
    assert.equal(answer?.status, 200);
    assert.match(answer?.body ?? '', /from the application/);
    const hash = createHash('sha256').update(new X509Certificate(client.pem).raw).digest('hex');
    const told = `By=${serverId};Hash=${hash};Subject="";URI=${clientId}`;
    assert.equal(seen, told);
    await ask(ports.inbound, client, ['x-forwarded-client-cert: By=before']);
    assert.equal(seen, `By=before,${told}`);
  });

  it('an upstream is asked only if it has the right name', async () => {
    assert.deepEqual(await askPlainly(ports.toRight), { status: 200, body: 'ok' });
    const wrong = await askPlainly(ports.toWrong);
    assert.deepEqual(wrong, {
      status: 503,
      body: 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
    });
  });
});
