import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { podCommand } from './pod-command.ts';

async function aSidecar(context: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return String((server.address() as AddressInfo).port);
}

const run = async (line: string, environment: Record<string, string> = {}) => {
  const ended = podCommand(line.split(' '), environment);
  assert.ok(ended !== null);
  return await ended;
};

test('wait ends as soon as the sidecar is ready', async (context) => {
  let asked = 0;
  const port = await aSidecar(context, ({ method, url }, response) => {
    assert.deepEqual([method, url], ['GET', '/healthz/ready']);
    response.writeHead(++asked < 3 ? 503 : 200).end('waits for certificate\n');
  });
  assert.deepEqual(await run(`wait --port ${port}`), { exitCode: 0, says: '' });
  assert.equal(asked, 3);
});

test('wait fails when its time is over, and says what is awaited', async (context) => {
  const port = await aSidecar(context, (_request, response) => response.writeHead(503).end('waits for certificate\n'));
  assert.deepEqual(await run('wait --timeout-seconds 1', { TULLE_READINESS_PORT: port }), {
    exitCode: 1,
    says: 'the sidecar is not ready after 1 s: waits for certificate',
  });
  const silent = await aSidecar(context, () => undefined);
  assert.match(
    (await run(`wait --timeout-seconds 0.05 --port ${silent}`)).says,
    /not ready after 0\.05 s: no answer in/,
  );
});

test('drain is told once, by POST', async (context) => {
  const asked: string[] = [];
  let status = 200;
  const port = await aSidecar(context, ({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(status).end(status === 200 ? 'OK' : '');
  });
  assert.deepEqual(await run('drain', { TULLE_STATUS_PORT: port }), { exitCode: 0, says: '' });
  status = 403;
  assert.deepEqual(await run(`drain --port ${port}`), {
    exitCode: 1,
    says: 'the sidecar was not told to drain: it answered 403',
  });
  assert.deepEqual(asked, ['POST /drain', 'POST /drain']);
});

test('what is wrong is told with the usage, help alone, and other words are for the sidecar itself', async () => {
  for (const [line, says] of [
    ['wait --colour', /Unknown option '--colour'[^]*sidecar wait/],
    ['drain --port 0', /^--port: 0 is not a port\n\nsidecar drain/],
    ['wait --timeout-seconds soon', /^--timeout-seconds: soon is not a number/],
  ] as const) {
    const end = await run(line);
    assert.equal(end.exitCode, 64);
    assert.match(end.says, says);
  }
  assert.match((await run('wait --help')).says, /^sidecar wait .*TULLE_READINESS_PORT/s);
  assert.match((await run('drain -h')).says, /^sidecar drain .*TULLE_STATUS_PORT/s);
  for (const args of [[], ['--pod'], ['--help', 'wait']]) assert.equal(podCommand(args, {}), null);
});
