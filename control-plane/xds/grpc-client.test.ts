/** A gRPC client that knows nothing of this mesh (`@grpc/grpc-js-xds`) finds a server through the snapshots that are served. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '#shared/runtime/clock.ts';
import { ok } from '#shared/runtime/result.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { startAdsServer } from './ads-server.ts';
import { Proxies } from './proxies.ts';
import { toSnapshot, type TypedResources } from './snapshot.ts';

const extension = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };

/** Listener, routes, cluster and endpoints through which `xds:///greeter:80` is found at `port`. */
function greeterAt(port: number): TypedResources {
  const ads = { ads: {}, resource_api_version: 'V3' };
  const router = { name: 'router', typed_config: { '@type': extension('http.router.v3.Router') } };
  const manager: TypedMessage = {
    '@type': extension('network.http_connection_manager.v3.HttpConnectionManager'),
    rds: { config_source: ads, route_config_name: 'greeter-routes' },
    http_filters: [router],
  };
  const route = { match: { prefix: '' }, route: { cluster: 'greeter-cluster' } };
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const locality = { locality: {}, load_balancing_weight: 1, lb_endpoints: [{ endpoint: { address } }] };
  const one = (typeUrl: string, name: string, fields: object) =>
    [typeUrl, new Map([[name, { '@type': typeUrl, ...fields } as TypedMessage]])] as const;
  return new Map([
    one(typeUrls.listener, 'greeter:80', { name: 'greeter:80', api_listener: { api_listener: manager } }),
    one(typeUrls.routes, 'greeter-routes', {
      name: 'greeter-routes',
      virtual_hosts: [{ name: 'v', domains: ['*'], routes: [route] }],
    }),
    one(typeUrls.cluster, 'greeter-cluster', {
      name: 'greeter-cluster',
      type: 'EDS',
      eds_cluster_config: { eds_config: ads },
    }),
    one(typeUrls.endpoints, 'greeter-cluster', { cluster_name: 'greeter-cluster', endpoints: [locality] }),
  ]);
}

const clientScript = `
  import { Client, credentials } from '@grpc/grpc-js';
  import { register } from '@grpc/grpc-js-xds';
  register();
  const client = new Client('xds:///greeter:80', credentials.createInsecure());
  const deadline = Date.now() + 15000;
  client.makeUnaryRequest('/test.Greeter/Greet', (v) => Buffer.from(v), (b) => b.toString(), 'mesh', { deadline }, (error, value) => {
    process.stdout.write(error === null ? value : 'failed: ' + error.message);
    process.exit();
  });
`;

test('a gRPC client finds its server through listener, routes, cluster and endpoints', async () => {
  const greeter = new Server();
  const method = { requestStream: false, responseStream: false } as const;
  const greet = {
    path: '/test.Greeter/Greet',
    ...method,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
  greeter.addService(
    { Greet: greet },
    {
      Greet: (call: { request: string }, callback: (error: null, value: string) => void) =>
        callback(null, `hello ${call.request}`),
    },
  );
  const port = await promisify(greeter.bindAsync.bind(greeter))('127.0.0.1:0', ServerCredentials.createInsecure());
  const snapshots = new WatchSource(toSnapshot(1, greeterAt(port)));
  const proxies = new Proxies();
  const refusals: unknown[] = [];
  const server = await startAdsServer({
    listen: { plaintext: ['127.0.0.1:0'] },
    provider: { open: () => ok({ snapshots, close: () => {} }) },
    authenticate: async () => null,
    proxies,
    clock: systemClock,
    logger: { info: () => {}, warn: (facts) => refusals.push(facts) },
  });
  const bootstrap = {
    xds_servers: [{ server_uri: server.addresses.plaintext[0], channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'grpc-client', cluster: 'test', locality: {} },
  };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', clientScript], {
      cwd: import.meta.dirname,
      env: { GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
      timeout: 30_000,
    });
    assert.equal(stdout, 'hello mesh');
    assert.deepEqual(refusals, []);
  } finally {
    server.close();
    greeter.forceShutdown();
  }
});
