/**
 * h2spec (RFC 9113 and RFC 7541, 145 cases) against our server connection, on plaintext and over TLS. It is a Go program: `H2SPEC`
 * names it, or it is in `.tulle/bin` or Go's own folder; `GOBIN=$PWD/.tulle/bin go install github.com/summerwind/h2spec/cmd/h2spec@latest`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Http2TestServer } from '../../sidecar/net/http2.fixture.ts';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

function findH2spec(): string | null {
  const given = process.env['H2SPEC'];
  if (given !== undefined && given !== '') return given;
  const places = [join(repository, '.tulle/bin/h2spec'), join(homedir(), 'go/bin/h2spec')];
  return places.find((place) => existsSync(place)) ?? null;
}

const binary = findH2spec() ?? '';
const whySkipped = binary === '' ? 'no h2spec: set H2SPEC, or install it into .tulle/bin' : false;

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

suite('h2spec passes', { skip: whySkipped }, () => {
  test('on plaintext', async () => {
    const server = new Http2TestServer();
    judge(await run(await server.listen()));
    server.close();
  });

  test('over TLS', async () => {
    const server = new Http2TestServer();
    const root = aRoot();
    const leaf = aWorkloadLeaf(root);
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
