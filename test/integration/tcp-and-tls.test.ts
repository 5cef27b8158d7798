/** TCP and TLS through two sidecars, from the resources of a mesh: routes by server name, and protocols in which the server speaks first. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { text as readAll } from 'node:stream/consumers';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aWebSocketServer } from './websocket.fixture.ts';
import { strictMtls, TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { freePort } from '../support/free-port.ts';

const root = aRoot();

const services = (ports: Readonly<{ tls: number; tcp: number }>) => `
apiVersion: v1
kind: Service
metadata: {name: secure, namespace: shop}
spec: {selector: {app: backend}, ports: [{name: tls, port: 443, targetPort: 8443}]}
---
apiVersion: v1
kind: Service
metadata: {name: database, namespace: shop}
spec: {selector: {app: backend, version: v1}, ports: [{name: tcp-postgres, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: chat, namespace: shop}
spec: {selector: {app: backend, version: v1}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
${strictMtls}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: secure, namespace: shop}
spec: {host: secure, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: database, namespace: shop}
spec: {host: database, trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: secure, namespace: shop}
spec:
  hosts: [secure, "*.example.com"]
  tls:
  - match: [{sniHosts: [split.example.com]}]
    route: [{destination: {host: secure, subset: v1}, weight: 0}, {destination: {host: secure, subset: v2}, weight: 100}]
  - match: [{sniHosts: ["*.example.com"]}]
    route: [{destination: {host: secure, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: database, namespace: shop}
spec: {hosts: [database], tcp: [{route: [{destination: {host: database}}]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: ${ports.tls}, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: [./secure.shop.svc.cluster.local]}
  - {port: {number: ${ports.tcp}, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: [./database.shop.svc.cluster.local]}
  - {hosts: ["./*"]}
`;

/** A TLS server that says who it is, in its certificate and in words. */
function aTlsServer(name: string): Server {
  const leaf = aWorkloadLeaf(root, { spiffeId: `spiffe://cluster.local/ns/apps/sa/${name}` });
  return createTlsServer({ cert: leaf.pem, key: leaf.keyPem, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  });
}

/** As PostgreSQL does in its way: the server greets, answers line by line, and has a last word after its client's end. */
function aGreetingServer(): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.write('ready\n');
    socket.on('data', (bytes) => socket.write(`>${bytes.toString()}`));
    socket.on('end', () => socket.end('bye\n'));
  });
}

const listening: (Server | HttpServer)[] = [];
async function listen(server: Server | HttpServer): Promise<number> {
  listening.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('TCP and TLS through two sidecars', () => {
  let mesh: TestMesh;
  let client: RunningSidecar;
  let backend: RunningSidecar | undefined;
  let ports: { tls: number; tcp: number };

  before(async () => {
    ports = { tls: await freePort(), tcp: await freePort() };
    mesh = await TestMesh.start({ 'services.yaml': services(ports) });
    const database = await listen(aGreetingServer());
    const chat = await listen(aWebSocketServer());
    for (const version of ['v1', 'v2']) {
      const secure = await listen(aTlsServer(version));
      const inbound = ['--inbound', `tls=${secure}:${await freePort()}`];
      const others = [`tcp-postgres=${database}:${await freePort()}`, `http=${chat}:${await freePort()}`];
      const more = version === 'v1' ? others.flatMap((one) => ['--inbound', one]) : [];
      const labels = { app: 'backend', version };
      const started = await mesh.startSidecar({
        name: `backend-${version}`,
        account: 'backend',
        labels,
        flags: [...inbound, ...more],
      });
      backend ??= started;
    }
    client = await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' } });
    await eventually(async () =>
      assert.deepEqual([await nameAt('split.example.com'), await greeting()], ['v2', 'ready\n']),
    );
  });
  after(async () => {
    await mesh.close();
    for (const server of listening) {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }
  });

  /** What the TLS server behind a name says of itself; the error if there is none. */
  function nameAt(servername: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connectTls({
        port: ports.tls,
        host: '127.0.0.1',
        servername,
        ca: root.pem,
        rejectUnauthorized: false,
      });
      socket.on('error', (error) => resolve(error.message));
      socket.on('secureConnect', () => readAll(socket).then(resolve, () => resolve('broken')));
    });
  }

  async function dial(): Promise<Socket> {
    const socket = connect({ port: ports.tcp, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  async function greeting(): Promise<string> {
    const socket = await dial();
    const heard = Promise.withResolvers<string>();
    socket.on('data', (bytes: Buffer) => heard.resolve(bytes.toString()));
    socket.on('end', () => heard.resolve(''));
    socket.on('close', () => heard.resolve(''));
    const text = await heard.promise;
    socket.destroy();
    return text;
  }

  const metrics = async ({ adminPort } = client) =>
    (await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`)).text()).split('\n');

  it('TLS goes to the server that its name is routed to, with its bytes untouched', async () => {
    for (let n = 0; n < 10; n++) assert.equal(await nameAt('split.example.com'), 'v2');
    assert.equal(await nameAt('other.example.com'), 'v1');
  });

  it('a name that no route has, and plaintext, go nowhere', async () => {
    assert.match(await nameAt('example.org'), /disconnected|ECONNRESET|closed/);
    const socket = connect(ports.tls, '127.0.0.1').on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    assert.equal(await readAll(socket).catch(() => ''), '');
  });

  it("openssl s_client reaches the server's own certificate and protocol", async (context) => {
    if (spawnSync('openssl', ['version']).error !== undefined) return context.skip('needs openssl');
    const args = ['s_client', '-connect', `127.0.0.1:${ports.tls}`, '-servername', 'split.example.com'];
    const asked = spawn('openssl', [...args, '-alpn', 'h2,http/1.1'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const said = await readAll(asked.stdout);
    assert.match(said, /ALPN protocol: h2/);
    const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(said)?.[0] ?? '';
    const shown = spawnSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], { input: pem });
    assert.match(shown.stdout.toString(), /URI:spiffe:\/\/cluster.local\/ns\/apps\/sa\/v2/);
  });

  it('a server that speaks first is heard, and both sides may end before the other does', async () => {
    const socket = await dial();
    const [hello] = (await once(socket, 'data')) as [Buffer];
    socket.write('select 1\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.end('quit\n');
    assert.deepEqual(
      [String(hello), String(answer), await readAll(socket)],
      ['ready\n', '>select 1\n', '>quit\nbye\n'],
    );
  });

  it('a WebSocket opens through the HTTP proxy, asked by its address or within a CONNECT', async () => {
    const upgrade = (target: string) =>
      `GET ${target} HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
    for (const first of ['', 'CONNECT chat:80 HTTP/1.1\r\nHost: chat:80\r\n\r\n']) {
      const socket = connect(client.proxyPort, '127.0.0.1').on('error', () => undefined);
      let heard = '';
      socket.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')));
      if (first !== '') {
        socket.write(first);
        await eventually(() => heard.endsWith('\r\n\r\n'));
      }
      socket.write(upgrade(first === '' ? 'http://chat/' : '/'));
      await eventually(() => heard.endsWith('welcome'));
      assert.match(heard, /HTTP\/1.1 101 [^]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
      socket.destroy();
    }
  });

  it('more connections than the rule allows are closed, and counted with the flag UO', async () => {
    const open = [await dial(), await dial()];
    await Promise.all(open.map((socket) => once(socket, 'data')));
    assert.equal(await greeting(), '');
    const refused = (await metrics()).filter((line) => /tcp_connections_closed.*response_flags="UO"/.test(line));
    assert.match(refused.join(), /destination_service_name="database"/);
    for (const socket of open) socket.destroy();
    await eventually(async () => assert.equal(await greeting(), 'ready\n'));
  });

  it('both sidecars count connections and bytes with the labels of both workloads', async () => {
    const client = 'spiffe://cluster.local/ns/shop/sa/client';
    const expected = [
      { of: await metrics(), labels: { reporter: 'source', source_workload: 'client' } },
      { of: await metrics(backend), labels: { reporter: 'destination', source_principal: client } },
    ];
    for (const { of: lines, labels } of expected) {
      const wanted = Object.entries({
        ...labels,
        destination_app: 'backend',
        destination_version: 'v1',
        request_protocol: 'tcp',
      });
      for (const name of ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes']) {
        const found = lines.filter(
          (line) =>
            line.startsWith(`istio_tcp_${name}_total{`) &&
            wanted.every(([key, value]) => line.includes(`${key}="${value}"`)),
        );
        assert.ok(
          found.some((line) => / [1-9]\d*$/.test(line)),
          `${labels.reporter} ${name}: ${found.join('\n')}`,
        );
      }
    }
  });
});
