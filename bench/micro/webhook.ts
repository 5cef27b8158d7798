/**
 * The injector's webhook as the API server calls it, over HTTPS: 100 pods of the corpus a second, each sent when it is due, to a server in
 * a process of its own: `node bench/micro/webhook.ts [PER_SECOND] [SECONDS]`. A latency is counted from when the request was due.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { startWebhookServer } from '../../control-plane/webhooks/server.ts';
import { Secret } from '../../shared/runtime/secret.ts';
import { WatchSource } from '../../shared/runtime/watch.ts';
import { issueServerLeaf, newSerial } from '../../shared/x509/issue.ts';
import { encodePem } from '../../shared/x509/pem.ts';
import { aKeyPair, aRoot } from '../../test/support/certificates.ts';
import { quantileOf } from '../summary.ts';
import { reviewedInputs } from './injection-reviews.ts';

const service = 'tulle-control-plane.tulle-system.svc';
const warmUpMs = 2000;

type Started = Readonly<{ port: number; ca: string }>;

if (process.argv[2] === 'serve') await serve();
else await drive(Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 30));

/** A path for each input of the corpus, since each has settings of its own. */
async function serve(): Promise<void> {
  const root = aRoot();
  const pair = aKeyPair();
  const validity = { notBefore: Date.now() - 1000, notAfter: Date.now() + 3_600_000 };
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const leaf = issueServerLeaf(
    root,
    { spki, serial: newSerial(), ...validity },
    { dnsNames: [service], addresses: [] },
  );
  const handlers = reviewedInputs.map(({ webhook }, index) => [`/inject/${index}`, webhook]);
  const { port } = await startWebhookServer({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: new WatchSource({
      chainPem: encodePem('CERTIFICATE', leaf),
      key: new Secret(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    }),
    handlers: Object.fromEntries(handlers),
    awaited: () => [],
    onAnswer: () => undefined,
    onFault: (message) => console.error(message),
  });
  process.send?.({ port, ca: root.pem } satisfies Started);
  process.once('disconnect', () => process.exit(0));
}

async function drive(perSecond: number, seconds: number): Promise<void> {
  const server = fork(new URL(import.meta.url), ['serve']);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own other half
  const [{ port, ca }] = (await once(server, 'message')) as [Started];
  const agent = new Agent({ keepAlive: true, ca, servername: service });
  const latencies: number[] = [];
  let failed = 0;
  const reviews = reviewedInputs.flatMap(({ bodies }, index) =>
    bodies.map((body) => ({ path: `/inject/${index}`, body })),
  );
  const startMs = performance.now();
  const send = (number: number, dueMs: number) => {
    const { path, body } = reviews[number % reviews.length] ?? { path: '', body: '' };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) failed++;
      response.resume();
      response.on('end', () => {
        if (dueMs - startMs >= warmUpMs) latencies.push(performance.now() - dueMs);
      });
    });
    outgoing.on('error', () => failed++);
    outgoing.end(body);
  };
  const total = perSecond * seconds;
  for (let number = 0; number < total; number++) {
    const dueMs = startMs + (number * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    send(number, dueMs);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => quantileOf(sorted, share).toFixed(2));
  console.log(
    `${perSecond} pods a second: ${sorted.length} reviews over HTTPS, p50 ${p50} ms, p99 ${p99} ms, most ${most} ms, ${failed} failed, ${total - Math.round((warmUpMs / 1000) * perSecond) - sorted.length} unanswered`,
  );
  agent.destroy();
  server.disconnect();
}
