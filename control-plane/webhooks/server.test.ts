import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { test, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { allow, refuse, type AdmissionReview } from '#shared/kubernetes/admission-review.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { issueServerLeaf, newSerial } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import { aKeyPair, aRoot } from '../../test/support/certificates.ts';
import { startWebhookServer, type AdmissionHandler, type WebhookAnswer } from './server.ts';

const root = aRoot();
const service = 'tulle-control-plane.tulle-system.svc';

function aCredential() {
  const pair = aKeyPair();
  const leaf = issueServerLeaf(
    root,
    {
      spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
      serial: newSerial(),
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 3_600_000,
    },
    { dnsNames: [service], addresses: [] },
  );
  return {
    chainPem: encodePem('CERTIFICATE', leaf),
    key: new Secret(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
}

const aReview = (more: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { uid: 'u1', operation: 'CREATE', kind: { group: '', version: 'v1', kind: 'Pod' }, ...more },
});

async function aServer(t: TestContext, handler: AdmissionHandler, timeoutMs = 8000) {
  const credentials = new WatchSource(aCredential());
  const answers: WebhookAnswer[] = [];
  const faults: string[] = [];
  const waiting: string[] = [];
  const server = await startWebhookServer({
    listen: { host: '127.0.0.1', port: 0 },
    credentials,
    handlers: { '/validate': handler },
    awaited: () => waiting,
    onAnswer: (answer) => answers.push(answer),
    onFault: (message) => faults.push(message),
    timeoutMs,
  });
  const agent = new Agent({ keepAlive: true, ca: root.pem, servername: service });
  t.after(async () => {
    agent.destroy();
    await server.close();
  });
  const call = (path: string, body: unknown, { method = 'POST', type = 'application/json' } = {}) =>
    new Promise<{ status: number; text: string; serial: string; isReused: boolean }>((resolve, reject) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const sent = request(
        { host: '127.0.0.1', port: server.port, path, method, agent, headers: { 'content-type': type } },
        (response) => {
          const serial = (response.socket as TLSSocket).getPeerX509Certificate()?.serialNumber ?? '';
          let got = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: got, serial, isReused: sent.reusedSocket }),
          );
        },
      );
      sent.on('error', reject).end(text);
    });
  return { call, credentials, answers, faults, waiting, server };
}

test('a review is answered by the handler of its path, over TLS under the name of the service', async (t) => {
  const { call, answers } = await aServer(t, (review) =>
    review.request.namespace === 'bad' ? refuse(review, 'no', { warnings: ['w'] }) : allow(review),
  );
  const good = await call('/validate?timeout=10s', aReview({ namespace: 'shop' }));
  assert.deepEqual(JSON.parse(good.text), {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'u1', allowed: true },
  });
  const bad = JSON.parse((await call('/validate', aReview({ namespace: 'bad' }))).text) as AdmissionReview;
  assert.deepEqual(bad.response?.status, { code: 400, message: 'no', reason: 'BadRequest' });
  assert.deepEqual(
    answers.map(({ path, outcome }) => [path, outcome]),
    [
      ['/validate', 'allowed'],
      ['/validate', 'denied'],
    ],
  );
});

test('what is no review is told why', async (t) => {
  const { call, answers } = await aServer(t, allow);
  const told = async (...parts: Parameters<typeof call>) => {
    const { status, text } = await call(...parts);
    return `${status} ${text.trim()}`;
  };
  assert.equal(await told('/validate', '{'), '400 the review is refused: is no AdmissionReview: it must be an object');
  assert.match(await told('/validate', { kind: 'AdmissionReview' }), /^400 .*apiVersion: nothing is not one of/);
  assert.match(await told('/validate', aReview(), { type: 'text/plain' }), /^415/);
  assert.match(await told('/validate', aReview({ object: 'x'.repeat(3_200_000) })), /^413 the body is over 3145728/);
  assert.match(await told('/inject', aReview()), /^404/);
  assert.match(await told('/validate', '', { method: 'PUT' }), /^405/);
  assert.deepEqual(new Set(answers.map(({ outcome }) => outcome)), new Set(['malformed']));
});

test('a handler that fails or hangs gets a 500, and the next review is answered', async (t) => {
  let answer: AdmissionHandler = () => Promise.reject(new Error('broken'));
  const { call, faults } = await aServer(t, (review) => answer(review), 50);
  assert.deepEqual([(await call('/validate', aReview())).status, faults], [500, ['a review failed: broken']]);
  answer = () => new Promise(() => undefined);
  assert.match((await call('/validate', aReview())).text, /no answer within 50 ms/);
  answer = allow;
  assert.equal((await call('/validate', aReview())).status, 200);
});

test('a new certificate is for new connections, open ones live on', async (t) => {
  const { call, credentials } = await aServer(t, allow);
  const first = await call('/validate', aReview());
  credentials.set(aCredential());
  const second = await call('/validate', aReview());
  assert.deepEqual([second.isReused, second.serial], [true, first.serial]);
  const [third, fourth] = await Promise.all([call('/validate', aReview()), call('/validate', aReview())]);
  assert.deepEqual([third.isReused, third.serial], [true, first.serial]);
  assert.equal(fourth.isReused, false);
  assert.notEqual(fourth.serial, first.serial);
});

test('is ready when nothing is awaited', async (t) => {
  const { call, waiting } = await aServer(t, allow);
  waiting.push('configuration');
  assert.deepEqual((await call('/readyz', '', { method: 'GET' })).text, 'waiting for configuration\n');
  waiting.pop();
  assert.equal((await call('/readyz', '', { method: 'GET' })).status, 200);
});

test('what is under way is answered before the server ends', async (t) => {
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { call, server } = await aServer(t, async (review) => {
    started.resolve();
    await gate.promise;
    return allow(review);
  });
  const answered = call('/validate', aReview());
  await started.promise;
  const closed = server.close();
  gate.resolve();
  assert.equal((await answered).status, 200);
  await closed;
  await assert.rejects(call('/validate', aReview()), { code: 'ECONNREFUSED' });
});
