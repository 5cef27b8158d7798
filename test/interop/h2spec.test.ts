/**
 * h2spec (RFC 9113 and RFC 7541, 145 cases), on plaintext and over TLS: against our server connection alone, and against the listeners
 * of a whole sidecar in front of an application. It is a Go program: `H2SPEC` names it, or `.ci/go-tools` has installed it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { after, before, suite, test } from 'node:test';
import tls from 'node:tls';
import { Http2TestServer } from '../../sidecar/net/http2.fixture.ts';
import { aCluster, aListener, StaticSidecar, type Json } from '../integration/sidecar-static.fixture.ts';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { findGoTool } from '../support/go-tools.ts';
import { freePort } from '../support/free-port.ts';

const { path: binary, whySkipped } = findGoTool('h2spec', 'H2SPEC');
const leaf = aWorkloadLeaf(aRoot());

/** Its report's last lines: failures, if there are any, and the count. */
async function run(port: number, ...more: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(binary, ['-h', '127.0.0.1', '-p', String(port), '-S', ...more], (_error, stdout) => resolve(stdout));
  });
}

function judge(report: string): void {
  const [, tests, passed, skipped, failed] =
    /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(report) ?? [];
  assert.equal(failed, '0', report.slice(report.indexOf('Failures:')));
  assert.equal(skipped, '0');
  assert.equal(passed, tests);
  assert.ok(Number(tests) >= 145, `only ${tests} cases`);
}

suite('h2spec passes on our server connection', { skip: whySkipped }, () => {
  test('on plaintext', async () => {
    const server = new Http2TestServer();
    judge(await run(await server.listen()));
    server.close();
  });

  test('over TLS', async () => {
    const server = new Http2TestServer();
    const options = { key: leaf.keyPem, cert: leaf.pem, ALPNProtocols: ['h2'] };
    const acceptor = tls.createServer(options, (socket) => {
      socket.on('error', () => undefined);
      server.serve(socket);
    });
    acceptor.on('tlsClientError', () => undefined);
    acceptor.listen(0, '127.0.0.1');
    await once(acceptor, 'listening');
    judge(await run((acceptor.address() as AddressInfo).port, '-t', '-k'));
    acceptor.close();
    server.close();
  });
});

/** TLS of a listener that asks for no certificate of the client's: h2spec has none. */
const serverTls: Json = {
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    common_tls_context: {
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificates: [
        { certificate_chain: { inline_string: leaf.pem }, private_key: { inline_string: leaf.keyPem } },
      ],
    },
  },
};

const http2Upstream: Json = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

suite('h2spec passes on the listeners of a sidecar', { skip: whySkipped }, () => {
  const apps: Server[] = [];
  let ports = { plain: 0, plainToHttp2: 0, detected: 0, tls: 0, tlsToHttp2: 0 };
  let sidecar: StaticSidecar;
  let requests = 0;

  const listen = async (server: Server): Promise<number> => {
    apps.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  before(async () => {
    const answer = (request: http.IncomingMessage | http2.Http2ServerRequest, end: () => void) => {
      requests++;
      request
        .on('error', () => undefined)
        .on('end', end)
        .resume();
    };
    const onRequest: RequestListener = (request, response) => answer(request, () => response.end('hello'));
    const http1App = await listen(http.createServer(onRequest));
    const http2App = await listen(
      http2.createServer((request, response) => answer(request, () => response.end('hello'))),
    );
    ports = {
      plain: await freePort(),
      plainToHttp2: await freePort(),
      detected: await freePort(),
      tls: await freePort(),
      tlsToHttp2: await freePort(),
    };
    const listeners = [
      aListener('plain', ports.plain, 'http1', { manager: { codec_type: 'HTTP2' } }),
      aListener('plain-to-http2', ports.plainToHttp2, 'http2', { manager: { codec_type: 'HTTP2' } }),
      aListener('detected', ports.detected, 'http1'),
      aListener('tls', ports.tls, 'http1', { transport: serverTls }),
      aListener('tls-to-http2', ports.tlsToHttp2, 'http2', { transport: serverTls }),
    ];
    const clusters = [aCluster('http1', http1App), { ...aCluster('http2', http2App), ...http2Upstream }];
    sidecar = await StaticSidecar.start({ static_resources: { listeners, clusters } }, Object.values(ports));
  });
  after(async () => {
    await sidecar?.stop();
    for (const app of apps) app.close();
  });

  const cases: readonly [name: string, port: () => number, flags: readonly string[]][] = [
    ['on plaintext, the application over HTTP/1.1', () => ports.plain, []],
    ['on plaintext, the application over HTTP/2', () => ports.plainToHttp2, []],
    ['over TLS, the application over HTTP/1.1', () => ports.tls, ['-t', '-k']],
    ['over TLS, the application over HTTP/2', () => ports.tlsToHttp2, ['-t', '-k']],
  ];
  for (const [name, port, flags] of cases) {
    test(name, async () => {
      const before = requests;
      judge(await run(port(), ...flags));
      assert.ok(requests - before > 20, `only ${requests - before} requests reached the application`);
    });
  }

  test('where the protocol is detected, all but what begins as HTTP/1.1: that is answered so', async () => {
    const report = await run(ports.detected);
    const failures = report.match(/× .*/g) ?? [];
    assert.deepEqual(new Set(failures), new Set(['× 2: Sends invalid connection preface']), report);
    assert.match(report, /the frame header looked like an HTTP\/1\.1 header/);
    assert.match(report, /14[56] tests, 14[45] passed, 0 skipped, 1 failed/);
  });
});
