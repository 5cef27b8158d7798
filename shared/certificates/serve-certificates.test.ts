import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { Client, credentials, Metadata, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { certificateService, type WireRequest, type WireResponse } from './service-definition.ts';
import { certificateServiceImplementation, type CertificateHandler } from './serve-certificates.ts';

async function serve(t: TestContext, handle: CertificateHandler) {
  const faults: unknown[] = [];
  const server = new Server();
  t.after(() => server.forceShutdown());
  server.addService(
    certificateService,
    certificateServiceImplementation(handle, (error) => faults.push(error)),
  );
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => client.close());
  const method = certificateService.CreateCertificate;
  const call = (request: Partial<WireRequest>, metadata: Metadata) =>
    new Promise<WireResponse>((resolve, reject) => {
      client.makeUnaryRequest<WireRequest, WireResponse>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { csr: '', validityDuration: 0, metadata: new Map(), ...request },
        metadata,
        (error: ServiceError | null, response) => (error === null && response ? resolve(response) : reject(error)),
      );
    });
  return { call, faults };
}

test('hands the handler the request and what the caller is known by', async (t) => {
  const seen: unknown[] = [];
  const { call } = await serve(t, async (request, caller) => {
    seen.push(request, caller);
    return { kind: 'issued', chain: ['leaf', 'root'] };
  });
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer x');
  const told = new Map([
    ['ClusterID', 'one'],
    ['odd', null],
  ]);
  const response = await call({ csr: 'PEM', validityDuration: 60, metadata: told }, metadata);
  assert.deepEqual(response.certChain, ['leaf', 'root']);
  await call({}, new Metadata());
  assert.deepEqual(seen, [
    {
      csr: 'PEM',
      validityMs: 60_000,
      metadata: told,
    },
    { authorization: 'Bearer x', peerCertificate: null },
    { csr: '', validityMs: 0, metadata: new Map() },
    { authorization: null, peerCertificate: null },
  ]);
});

test('refusals have the status of their reason; a fault of ours tells the caller nothing', async (t) => {
  const answers = [
    { kind: 'refused', reason: 'invalid', message: 'bad csr' },
    { kind: 'refused', reason: 'unauthenticated', message: 'who?' },
    { kind: 'refused', reason: 'unavailable', message: 'later' },
  ] as const;
  const queue = [...answers];
  const { call, faults } = await serve(t, async () => {
    const next = queue.shift();
    if (next === undefined) throw new Error('disk on fire');
    return next;
  });
  const refusal = () =>
    call({}, new Metadata()).then(
      () => 'accepted',
      (error: ServiceError) => `${error.code} ${error.details}`,
    );
  assert.deepEqual(
    [await refusal(), await refusal(), await refusal(), await refusal()],
    [
      `${status.INVALID_ARGUMENT} bad csr`,
      `${status.UNAUTHENTICATED} who?`,
      `${status.UNAVAILABLE} later`,
      `${status.INTERNAL} internal error`,
    ],
  );
  assert.deepEqual(faults.map(String), ['Error: disk on fire']);
});
