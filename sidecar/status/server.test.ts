import assert from 'node:assert/strict';
import { request } from 'node:http';
import { afterEach, test } from 'node:test';
import { text as readAll } from 'node:stream/consumers';
import { eventually } from '../../test/support/eventually.ts';
import type { RunningServer } from '../net/http-server.ts';
import { ListeningSockets } from '../net/listening-sockets.ts';
import type { PodApp } from '../settings/pod-app.ts';
import { anApp } from './app.fixture.ts';
import { startMetrics, startStatus, type StatusView } from './server.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

const anywhere = { host: '127.0.0.1', port: 0 };

async function aStatusPort(app: Partial<PodApp> = {}, view: Partial<StatusView> = {}) {
  const did: string[] = [];
  const server = await startStatus(
    {
      isReady: () => true,
      awaited: () => ['certificate', 'listeners'],
      prometheus: () => 'own 1\n',
      drain: () => did.push('drain'),
      quit: () => did.push('quit'),
      log: (level, _facts, message) => did.push(`${level}: ${message}`),
      ...view,
    },
    { app: { ports: [], probers: new Map(), scrape: null, ...app }, host: '127.0.0.1' },
    anywhere,
    new ListeningSockets(),
  );
  running.push(server);
  return { port: server.port, did };
}

function ask(port: number, path: string, options: { method?: string; localAddress?: string } = {}) {
  return new Promise<string>((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', path, agent: false, ...options }, (response) => {
      readAll(response).then((body) => resolve(`${response.statusCode} ${body}`), reject);
    });
    call.on('error', reject).end();
  });
}

test('readiness says what is awaited', async () => {
  const { port } = await aStatusPort();
  assert.equal(await ask(port, '/healthz/ready'), '200 ');
  const waiting = await aStatusPort({}, { isReady: () => false });
  assert.equal(await ask(waiting.port, '/healthz/ready?x'), '503 waits for certificate, listeners\n');
});

test('drain and end are for POST from this pod alone, and come behind their answer', async () => {
  const { port, did } = await aStatusPort();
  const others = { method: 'POST', localAddress: '127.0.0.6' };
  for (const path of ['/drain', '/quitquitquit']) {
    assert.equal(await ask(port, path), '405 Method Not Allowed\n');
    // Connections of our own inbound listener, behind which anybody may be.
    assert.equal(await ask(port, path, others), '403 Only requests from localhost are allowed\n');
  }
  assert.deepEqual(did, []);
  assert.equal(await ask(port, '/drain', { method: 'POST' }), '200 OK');
  assert.equal(await ask(port, '/quitquitquit', { method: 'POST' }), '200 OK');
  await eventually(() => assert.deepEqual(did, ['drain', 'quit']));
});

test('own metrics stand alone where nobody asked for others, and never get lost', async () => {
  const alone = await aStatusPort();
  assert.equal(await ask(alone.port, '/stats/prometheus'), '200 own 1\n');
  let status = 200;
  const appPort = await anApp((_request, response) => response.writeHead(status).end('app 1\n'));
  const { port, did } = await aStatusPort({ scrape: { port: appPort, path: '/m' } });
  const counted = (failures: number, rest: string) =>
    new RegExp(`^200 own 1\n(?:#.*\n){2}tulle_app_scrape_failures_total ${failures}\n${rest}$`);
  assert.match(await ask(port, '/stats/prometheus'), counted(0, 'app 1\n'));
  assert.match(await ask(port, '/metrics'), counted(0, 'app 1\n'));
  status = 500;
  assert.match(await ask(port, '/stats/prometheus'), counted(1, ''));
  assert.match(await ask(port, '/stats/prometheus'), counted(2, ''));
  status = 200;
  assert.match(await ask(port, '/stats/prometheus'), counted(2, 'app 1\n'));
  assert.deepEqual(did, ['warn: the application does not answer as it should', 'info: the application answers again']);
});

test('a probe is answered as the application answers; one that nobody declared is 400', async () => {
  const appPort = await anApp(({ url }, response) => response.writeHead(203).end(url));
  const prober = { kind: 'http', port: appPort, path: '/live', isTls: false, headers: [], timeoutMs: 1000 } as const;
  const { port } = await aStatusPort({ probers: new Map([['/app-health/app/livez', prober]]) });
  assert.equal(await ask(port, '/app-health/app/livez'), '203 /live');
  assert.equal(
    await ask(port, '/app-health/app/readyz'),
    '400 app prober config does not exists for /app-health/app/readyz\n',
  );
  assert.equal(await ask(port, '/other'), '404 there is nothing at /other\n');
});

test('the port of metrics has nothing else', async () => {
  const server = await startMetrics({ prometheus: () => 'own 1\n' }, anywhere, new ListeningSockets());
  running.push(server);
  assert.equal(await ask(server.port, '/stats/prometheus'), '200 own 1\n');
  assert.equal(await ask(server.port, '/quitquitquit', { method: 'POST' }), '404 known: /stats/prometheus\n');
});
