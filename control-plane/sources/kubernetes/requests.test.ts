import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { aRoot } from '../../../test/support/certificates.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { HttpsRequests } from './requests.ts';

let server: Server;
let requests: HttpsRequests;
let answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end();
before(async () => {
  const { pem, keyPem } = aRoot();
  server = createServer({ cert: pem, key: keyPem }, (request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  config.loadFromClusterAndUser(
    { name: 'test', server: `https://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'me', token: 'secret' },
  );
  requests = new HttpsRequests(config);
});
after(async () => {
  requests.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Watches, and writes down what is told. */
function watch() {
  const told: string[] = [];
  const abort = requests.watch('/watch?a=b', 'application/json', {
    opened: () => told.push('opened'),
    line: (text) => {
      if (text === 'bad') throw new Error('bad line');
      told.push(text);
    },
    ended: (error, status) => told.push(`ended ${status} ${error?.message ?? ''}`.trim()),
  });
  return { told, abort };
}
const until = (told: readonly string[], last: string | RegExp) =>
  eventually(() => (typeof last === 'string' ? told.at(-1) === last : last.test(told.at(-1) ?? '')));

test('a request carries who asks and in which form, and gives status and text', async () => {
  answer = ({ headers, url }, response) =>
    response.writeHead(418).end(`${headers.authorization} ${headers.accept} ${url} ä`);
  const found = await requests.get('/x?limit=5', 'application/json', AbortSignal.timeout(5000));
  assert.deepEqual(found, { status: 418, body: 'Bearer secret application/json /x?limit=5 ä' });
});

test('no answer is an error that says so', async () => {
  answer = (request) => request.socket.destroy();
  await assert.rejects(requests.get('/x?secret', 'application/json', AbortSignal.timeout(5000)), {
    code: 'unavailable',
    message: 'no answer from the API server to /x',
  });
});

test('a watch tells its lines, however they come, and its end', async () => {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  answer = (_, response) => {
    response.writeHead(200).flushHeaders();
    resolve(response);
  };
  const { told } = watch();
  const response = await promise;
  await until(told, 'opened');
  const letter = Buffer.from('ä');
  response.write(Buffer.concat([Buffer.from('one\ntw'), letter.subarray(0, 1)]));
  await until(told, 'one');
  response.write(Buffer.concat([letter.subarray(1), Buffer.from('\n')]));
  await until(told, 'twä');
  response.end();
  await until(told, 'ended 200');
});

test('a watch that is refused, cut, or told nonsense ends once, with the reason', async () => {
  answer = (_, response) => response.writeHead(410).end('{}\n');
  const refused = watch();
  await until(refused.told, 'ended 410');
  assert.equal(refused.told.includes('opened'), false);
  answer = (_, response) => response.writeHead(200).write('one\n', () => response.destroy());
  const cut = watch();
  await until(cut.told, /^ended 200 ./);
  answer = (_, response) => response.writeHead(200).write('one\nbad\nthree\n');
  const nonsense = watch();
  await until(nonsense.told, 'ended 200 bad line');
  assert.deepEqual(nonsense.told, ['opened', 'one', 'ended 200 bad line']);
  assert.equal(cut.told.filter((line) => line.startsWith('ended')).length, 1);
});

test('what was aborted is heard of no more', async () => {
  let isClosed = false;
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  answer = (_, response) => {
    response.on('close', () => (isClosed = true));
    response.writeHead(200).flushHeaders();
    resolve(response);
  };
  const { told, abort } = watch();
  const response = await promise;
  await until(told, 'opened');
  abort();
  response.write('late\n');
  await eventually(() => isClosed);
  assert.deepEqual(told, ['opened']);
});
