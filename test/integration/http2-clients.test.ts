/** Clients that everybody has, through a sidecar process: curl in all its versions of HTTP, openssl with its offers, a WebSocket over HTTP/2. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, StaticSidecar, type Json } from './sidecar-static.fixture.ts';
import { aWebSocketServer, clientFrame } from './websocket.fixture.ts';
import { freePort } from '../support/free-port.ts';

const run = promisify(execFile);
const root = aRoot();
const server = aWorkloadLeaf(root);
const has = (tool: string, ...args: string[]) => spawnSync(tool, args).status === 0;
const needsCurl = has('curl', '--version') ? false : 'needs curl';
const curlLacksHttp2 = !String(spawnSync('curl', ['--version']).stdout).includes('HTTP2');
const needsOpenssl = has('openssl', 'version') ? false : 'needs openssl';
const portOf = (app: Server) => (app.address() as AddressInfo).port;

/** TLS as a server shows it to clients without certificates. */
function serverTls(alpn: readonly string[]): Json {
  const certificate = {
    certificate_chain: { inline_string: server.pem },
    private_key: { inline_string: server.keyPem },
  };
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  const common = { tls_certificates: [certificate], alpn_protocols: alpn };
  return { name: 'envoy.transport_sockets.tls', typed_config: { '@type': type, common_tls_context: common } };
}

/** Another sidecar, which is spoken to by HTTP/2. */
function overHttp2(name: string, port: number): Json {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const explicit = { http2_protocol_options: { allow_connect: true } };
  const config = { '@type': `type.googleapis.com/${options}`, explicit_http_config: explicit };
  return { ...aCluster(name, port), typed_extension_protocol_options: { [options]: config } };
}

describe('a sidecar and the clients that everybody has', () => {
  let app: Server;
  let chat: Server;
  let sidecar: StaticSidecar;
  let ports: Readonly<{ plain: number; secure: number; mesh: number; chat: number; hop: number }>;
  let folder = '';

  before(async () => {
    app = createServer((message, response) => {
      const chunks: Buffer[] = [];
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('end', () => response.end(`${message.method} ${message.url} ${Buffer.concat(chunks).length}`));
    });
    chat = aWebSocketServer();
    for (const one of [app, chat]) await new Promise<void>((done) => one.listen(0, '127.0.0.1', done));
    ports = {
      plain: await freePort(),
      secure: await freePort(),
      mesh: await freePort(),
      chat: await freePort(),
      hop: await freePort(),
    };
    const upgrades = {
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      http2_protocol_options: { allow_connect: true },
    };
    const listeners = [
      aListener('plain', ports.plain, 'app'),
      aListener('secure', ports.secure, 'app', { transport: serverTls(['h2', 'http/1.1']) }),
      aListener('mesh', ports.mesh, 'app', { transport: serverTls(['istio-h2', 'istio-http/1.1', 'istio']) }),
      aListener('chat', ports.chat, 'chat', { manager: upgrades }),
      aListener('hop', ports.hop, 'sidecar', { manager: upgrades }),
    ];
    const clusters = [aCluster('app', portOf(app)), aCluster('chat', portOf(chat)), overHttp2('sidecar', ports.chat)];
    sidecar = await StaticSidecar.start({ static_resources: { listeners, clusters } }, Object.values(ports));
    folder = await mkdtemp(join(tmpdir(), 'tulle-clients-'));
    await writeFile(join(folder, 'body'), Buffer.alloc(3_000_000, 'x'));
  });

  after(async () => {
    await sidecar.stop();
    for (const one of [app, chat]) {
      one.closeAllConnections();
      one.close();
    }
    await rm(folder, { recursive: true, force: true });
  });

  const curls = [
    ['--http1.1', 'plain', '1.1'],
    ['--http2-prior-knowledge', 'plain', '2'],
    ['--http2', 'secure', '2'],
    ['--http1.1', 'secure', '1.1'],
    // An offer to switch to HTTP/2 within HTTP/1.1, which nobody takes any more (RFC 9113 3.1).
    ['--http2', 'plain', '1.1'],
  ] as const;
  for (const [flag, listener, version] of curls) {
    it(`curl ${flag} is served over ${listener}, also with a body of 3 MB`, { skip: needsCurl }, async (context) => {
      if (flag !== '--http1.1' && curlLacksHttp2) return context.skip('needs a curl that speaks HTTP/2');
      const url = `${listener === 'plain' ? 'http' : 'https'}://127.0.0.1:${ports[listener]}/asked?for=it`;
      const args = ['--silent', '--show-error', '--insecure', '--max-time', '20', flag];
      const told = ['--write-out', ' HTTP/%{http_version} %{http_code}', url];
      assert.equal((await run('curl', [...args, ...told])).stdout, `GET /asked?for=it 0 HTTP/${version} 200`);
      const upload = ['--data-binary', `@${join(folder, 'body')}`];
      assert.equal(
        (await run('curl', [...args, ...upload, ...told])).stdout,
        `POST /asked?for=it 3000000 HTTP/${version} 200`,
      );
    });
  }

  const offers = [
    ['secure', 'h2', 'h2'],
    ['secure', 'http/1.1', 'http/1.1'],
    ['secure', 'http/1.1,h2', 'h2'],
    ['secure', null, null],
    ['mesh', 'istio-h2', 'istio-h2'],
    ['mesh', 'istio', 'istio'],
  ] as const;
  for (const [listener, offered, chosen] of offers) {
    it(
      `openssl s_client that offers ${offered ?? 'nothing'} gets ${chosen ?? 'no protocol'} of ${listener}`,
      {
        skip: needsOpenssl,
      },
      async () => {
        const alpn = offered === null ? [] : ['-alpn', offered];
        const { stdout } = spawnSync('openssl', ['s_client', '-connect', `127.0.0.1:${ports[listener]}`, ...alpn], {
          input: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
          timeout: 10_000,
        });
        const text = stdout.toString();
        const told = /ALPN protocol: (\S+)/.exec(text)?.[1] ?? null;
        assert.equal(told, chosen);
        if (chosen === null) assert.match(text, /No ALPN negotiated/);
      },
    );
  }

  it('a WebSocket over HTTP/2 (RFC 8441) talks to a server of HTTP/1.1, both ways', async () => {
    const session = connectHttp2(`http://127.0.0.1:${ports.chat}`);
    try {
      await eventually(() => session.remoteSettings?.enableConnectProtocol === true);
      const tunnel = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': '/chat',
        ':scheme': 'http',
        'sec-websocket-version': '13',
      });
      let heard = Buffer.alloc(0);
      let status = 0;
      tunnel.on('response', (head) => (status = Number(head[':status'])));
      tunnel.on('data', (chunk: Buffer) => (heard = Buffer.concat([heard, chunk])));
      await eventually(() => heard.includes('welcome'));
      assert.equal(status, 200);
      tunnel.write(clientFrame('hello over HTTP/2'));
      await eventually(() => heard.includes('hello over HTTP/2'));
      tunnel.end();
    } finally {
      session.destroy();
    }
  });

  for (const [name, listener] of [
    ['HTTP/1.1', 'chat'],
    ['HTTP/1.1, with HTTP/2 between sidecars,', 'hop'],
  ] as const) {
    it(`a WebSocket over ${name} talks both ways`, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${ports[listener]}/chat`);
      const heard: unknown[] = [];
      socket.addEventListener('message', ({ data }) => heard.push(data));
      await eventually(() => heard.length === 1);
      socket.send('hello');
      socket.send('x'.repeat(10_000));
      await eventually(() => heard.length === 3);
      assert.deepEqual(heard, ['welcome', 'hello', 'x'.repeat(10_000)]);
      const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
      socket.close(1000);
      assert.equal(await closed, 1000);
    });
  }
});
