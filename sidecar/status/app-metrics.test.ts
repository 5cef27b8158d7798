import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { formatOf, mergeMetrics, plainText, scrapeApp } from './app-metrics.ts';
import { aDeafPort, anApp, listen } from './app.fixture.ts';

const path = '/metrics';
const open1 = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

test('the application is asked as Prometheus asks, for text alone', async () => {
  const asked: IncomingHttpHeaders[] = [];
  const port = await anApp(({ headers }, response) => {
    asked.push(headers);
    response.setHeader('content-type', open1);
    response.end('app_total 1\n# EOF\n');
  });
  const accept =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1';
  const found = await scrapeApp({ port, path }, '127.0.0.1', {
    accept,
    'user-agent': 'Prometheus/3',
    'x-prometheus-scrape-timeout-seconds': '10',
    cookie: 'no',
  });
  assert.deepEqual(found, { kind: 'text', text: 'app_total 1\n# EOF\n', contentType: open1 });
  const [{ accept: wanted, 'user-agent': agent, cookie } = assert.fail()] = asked;
  assert.deepEqual(
    { wanted, agent, cookie },
    { wanted: 'application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1', agent: 'Prometheus/3', cookie: undefined },
  );
  assert.deepEqual(mergeMetrics('own 1\n', found), { text: 'own 1\napp_total 1\n# EOF\n', contentType: open1 });
});

test('an application that listens on the address of the pod alone is found there', async () => {
  const port = await listen(
    createServer((_request, response) => response.end('a 1\n')),
    '127.0.0.9',
  );
  assert.deepEqual(await scrapeApp({ port, path }, '127.0.0.9', {}), {
    kind: 'text',
    text: 'a 1\n',
    contentType: plainText,
  });
});

test('what cannot be had or merged is left out, with the reason', async () => {
  const port = await anApp(({ url }, response) => {
    if (url === '/slow') return void response.write('half 1\n');
    if (url === '/html') response.setHeader('content-type', 'text/html');
    response.writeHead(url === '/broken' ? 500 : 200).end('page');
  });
  const problemOf = async (what: string, { at = port, seconds = '30' } = {}) => {
    const headers = { 'x-prometheus-scrape-timeout-seconds': seconds };
    const found = await scrapeApp({ port: at, path: what }, '127.0.0.1', headers);
    assert.deepEqual(mergeMetrics('own 1\n', found), { text: 'own 1\n', contentType: plainText });
    return found.kind === 'none' ? found.problem : 'taken';
  };
  assert.equal(await problemOf('/broken'), 'it answered 500');
  assert.equal(await problemOf('/html'), 'text/html is no text of Prometheus');
  assert.match(await problemOf('/slow', { seconds: '0.1' }), /^no answer in 80/);
  assert.match(await problemOf('/', { at: await aDeafPort() }), /ECONNREFUSED/);
});

const formats: readonly (readonly [contentType: string | undefined, format: string | null])[] = [
  [undefined, plainText],
  ['text/plain', plainText],
  ['text/plain; version=0.0.4', plainText],
  ['application/openmetrics-text', 'application/openmetrics-text; version=0.0.1; charset=utf-8'],
  ['application/openmetrics-text; version=0.0.1', 'application/openmetrics-text; version=0.0.1; charset=utf-8'],
  ['application/openmetrics-text; charset=utf-8; version=1.0.0', open1],
  ['application/openmetrics-text; version=7', null],
  ['application/vnd.google.protobuf', null],
];
for (const [contentType, format] of formats)
  test(`${contentType ?? 'no type'} makes the whole ${format ?? 'without it'}`, () =>
    assert.equal(formatOf(contentType), format));
