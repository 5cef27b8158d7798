/**
 * The interop cases of gRPC, by grpc-go's client and server (`google.golang.org/grpc/interop`), with two of our sidecars between them:
 * client -> egress port of the client's sidecar -> mutual TLS, HTTP/2 -> the server's sidecar -> server. `.ci/go-tools` installs both.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { findGoTool } from '../support/go-tools.ts';
import { GoServer } from '../support/go-server.ts';
import { eventually } from '../support/eventually.ts';
import { strictMtls, TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { freePort } from '../support/free-port.ts';

const client = findGoTool('grpc-go/client', 'GRPC_INTEROP_CLIENT');
const server = findGoTool('grpc-go/server', 'GRPC_INTEROP_SERVER');

/** All of the client's cases that need no credentials, but those about the client itself (`pick_first_unary`, `orca_*`). */
const cases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'rpc_soak',
  'channel_soak',
];

const config = (port: number): string => `
apiVersion: v1
kind: Service
metadata: {name: interop, namespace: shop}
spec: {selector: {app: interop}, ports: [{name: grpc, port: 9000}]}
---
${strictMtls}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: shop}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: ${port}, protocol: GRPC, name: grpc}, bind: 127.0.0.1, hosts: ["./interop.shop.svc.cluster.local"]}
`;

type Outcome = Readonly<{ code: number; said: string }>;

function runCase(name: string, port: number): Promise<Outcome> {
  const args = [`-test_case=${name}`, '-server_host=127.0.0.1', `-server_port=${port}`];
  const soak = ['-soak_iterations=40', '-soak_overall_timeout_seconds=30', '-soak_num_threads=4'];
  const limits = ['-soak_per_iteration_max_acceptable_latency_ms=10000'];
  return new Promise((resolve) => {
    execFile(client.path, [...args, ...soak, ...limits], { timeout: 60_000 }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: stderr });
    });
  });
}

suite('the gRPC interop cases through two sidecars', { skip: client.whySkipped || server.whySkipped }, () => {
  let mesh: TestMesh;
  let app: GoServer | null = null;
  let sidecars: Readonly<{ client: RunningSidecar; server: RunningSidecar }>;
  let port = 0;

  before(async () => {
    port = await freePort();
    const appPort = await freePort();
    mesh = await TestMesh.start({ 'interop.yaml': config(port) });
    app = await GoServer.start(server.path, [`-port=${appPort}`], appPort);
    const inbound = ['--inbound', `grpc=${appPort}:${await freePort()}`];
    sidecars = {
      server: await mesh.startSidecar({
        name: 'server',
        account: 'server',
        labels: { app: 'interop' },
        flags: inbound,
      }),
      client: await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' } }),
    };
    await eventually(async () => assert.equal((await runCase('empty_unary', port)).code, 0), 20_000);
  });
  after(async () => {
    await app?.stop();
    await mesh?.close();
  });

  for (const name of cases) {
    test(name, async () => {
      const { code, said } = await runCase(name, port);
      assert.equal(code, 0, `${said}\n${await sidecars.client.log()}\n${app?.output ?? ''}`);
    });
  }

  test('all of it went over mutual TLS, and over one connection', async () => {
    const stats = await read(sidecars.client, '/stats?filter=outbound.9000.*upstream_(cx|rq)_total');
    const count = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(stats)?.[1]);
    assert.ok(count('upstream_rq_total') > 40, stats);
    assert.ok([1, 2].includes(count('upstream_cx_total')), stats);
    const metrics = (await read(sidecars.server, '/stats/prometheus')).split('\n');
    const calls = metrics.filter((line) => line.startsWith('istio_requests_total{') && line.includes('"grpc"'));
    assert.ok(calls.length > 0, metrics.join('\n'));
    for (const line of calls) assert.match(line, /connection_security_policy="mutual_tls"/);
  });
});

async function read({ adminPort }: RunningSidecar, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();
}
