/** A sidecar with two worker threads in a mesh: configuration and certificates reach both. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { Load, strictMtls, TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { metric } from './workers.fixture.ts';

const service = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
${strictMtls}
`;

const routes = (generation: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo]
  http:
  - headers: {response: {set: {x-generation: "${generation}"}}}
    route: [{destination: {host: echo}}]
`;

describe('a mesh of sidecars with two worker threads', () => {
  let mesh: TestMesh;
  let client: RunningSidecar;
  let server: RunningSidecar;
  const call = () => mesh.call(client, 'http://echo/');

  before(async () => {
    mesh = await TestMesh.start({ 'service.yaml': service, 'routes.yaml': routes(0) });
    const appPort = await mesh.startApp((request, response) => request.resume().on('end', () => response.end('echo')));
    const flags = ['--concurrency', '2', '--certificate-ttl-seconds', '30'];
    server = await mesh.startSidecar({ name: 'echo', account: 'echo', labels: { app: 'echo' }, appPort, flags });
    client = await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' }, flags });
    await eventually(async () => assert.equal((await call()).status, 200), 15_000);
  });
  after(() => mesh.close());

  it('a push reaches both, and neither it nor a renewed certificate loses a request', async () => {
    // Each on a connection of its own: in both workers.
    const load = new Load(call, 16);
    const serials = new Set<string>();
    for (let generation = 1; generation <= 8; generation++) {
      await mesh.write('routes.yaml', routes(generation));
      await eventually(async () => {
        const answers = await Promise.all(Array.from({ length: 32 }, call));
        const seen = new Set(answers.map(({ headers }) => headers['x-generation']));
        assert.deepEqual([...seen], [`${generation}`]);
      });
      const certs = await (await fetch(`http://127.0.0.1:${server.adminPort}/certs`)).json();
      serials.add(/"serial_number":"([^"]+)"/.exec(JSON.stringify(certs))?.[1] ?? '');
    }
    await eventually(async () => {
      const certs = await (await fetch(`http://127.0.0.1:${server.adminPort}/certs`)).json();
      serials.add(/"serial_number":"([^"]+)"/.exec(JSON.stringify(certs))?.[1] ?? '');
      assert.ok(serials.size >= 2, `${serials.size} certificates`);
    }, 30_000);
    await load.stop();
    assert.deepEqual([...load.failures], []);
    assert.ok(load.total > 100, String(load.total));
    // A connection between sidecars for each worker of the caller.
    assert.ok((await metric(client.adminPort, 'envoy_cluster_upstream_cx_http2_total')) >= 2);
    assert.equal(await metric(client.adminPort, 'tulle_worker_deaths_total'), 0);
    assert.equal(await metric(server.adminPort, 'tulle_worker_deaths_total'), 0);
  });
});
