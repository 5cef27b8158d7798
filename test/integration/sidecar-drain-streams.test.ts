/** SIGTERM: when the drain time is over and no listener takes connections any more, what is still under way is waited for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, aTcpListener, StaticSidecar, type Json } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

const portOf = (server: Readonly<{ address: () => unknown }>) => (server.address() as AddressInfo).port;

/** A cluster whose endpoint speaks HTTP/2. */
function aHttp2Cluster(name: string, port: number): Json {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const config = {
    '@type': `type.googleapis.com/${options}`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  return { ...aCluster(name, port), typed_extension_protocol_options: { [options]: config } };
}

async function isRefused(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  const [error] = (await Promise.race([once(socket, 'error'), once(socket, 'connect')])) as [unknown];
  socket.destroy();
  assert.ok(error !== undefined, 'it still listens');
}

/** Fails when it closes. */
async function cutOff(stream: Duplex): Promise<never> {
  await once(stream, 'close');
  assert.fail('it was cut off');
}

describe('a sidecar that ends, after its drain time', () => {
  let tcpApp: Server;
  let rpcApp: Http2Server;
  const sockets = new Set<Socket>();

  before(async () => {
    tcpApp = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).pipe(socket);
    });
    rpcApp = createHttp2Server();
    rpcApp.on('stream', (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(100_000, 'x'));
    });
    for (const server of [tcpApp, rpcApp]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });

  after(() => {
    for (const socket of sockets) socket.destroy();
    tcpApp.close();
    rpcApp.close();
  });

  async function start(): Promise<Readonly<{ sidecar: StaticSidecar; tcp: number; http: number }>> {
    const [tcp, http] = [await freePort(), await freePort()];
    const listeners = [aTcpListener('tcp', tcp, 'tcp'), aListener('http', http, 'rpc')];
    const clusters = [aCluster('tcp', portOf(tcpApp)), aHttp2Cluster('rpc', portOf(rpcApp))];
    const flags = ['--drain-seconds', '4'];
    return {
      sidecar: await StaticSidecar.start({ static_resources: { listeners, clusters } }, [tcp, http], { flags }),
      tcp,
      http,
    };
  }

  it('waits for a TCP connection that is in use', async () => {
    const { sidecar, tcp } = await start();
    try {
      const client = connect({ port: tcp, host: '127.0.0.1' });
      await once(client, 'connect');
      sidecar.signal('SIGTERM');
      await eventually(() => isRefused(tcp), 10_000);
      client.write('still there?');
      const [bytes] = (await Promise.race([once(client, 'data'), cutOff(client)])) as [Buffer];
      assert.equal(bytes.toString(), 'still there?');
      client.end();
      assert.equal(await sidecar.exited, 0);
    } finally {
      await sidecar.stop();
    }
  });

  it('waits for an answer over HTTP/2 that its client takes late, with its trailers', async () => {
    const { sidecar, http } = await start();
    const session = connectHttp2(`http://127.0.0.1:${http}`);
    try {
      const call = session.request({ ':path': '/a', ':method': 'POST', 'content-type': 'application/grpc' });
      call.end();
      await once(call, 'response');
      sidecar.signal('SIGTERM');
      await eventually(() => isRefused(http), 10_000);
      const trailers = once(call, 'trailers');
      let bytes = 0;
      call.on('data', (chunk: Buffer) => (bytes += chunk.length));
      const [fields] = (await Promise.race([trailers, cutOff(call)])) as [Record<string, string>];
      assert.deepEqual([bytes, fields['grpc-status']], [100_000, '0']);
      assert.equal(await sidecar.exited, 0);
    } finally {
      session.destroy();
      await sidecar.stop();
    }
  });
});
