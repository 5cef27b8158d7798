import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import type { ClusterConfig, UpstreamTransport } from '../snapshot/cluster.ts';
import type { Endpoints } from '../snapshot/endpoints.ts';
import { aCluster, anEndpoint, anOutlierConfig, someEndpoints } from './cluster.fixture.ts';
import { Cluster, type PoolScope } from './cluster.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { Host } from './host.ts';

const tls: UpstreamTransport = {
  kind: 'upstream',
  certificates: [],
  validation: null,
  alpn: [],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  cipherSuites: [],
  sni: 'app',
  autoHostSni: false,
};

type FakePool = ConnectionPool & { connections: number; isDrained: boolean; isClosed: boolean; scope: PoolScope };

const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(
  config: ClusterConfig,
  endpoints: Endpoints | null,
  { names = {}, healthWindowMs }: { names?: Record<string, string[]>; healthWindowMs?: () => number } = {},
) {
  const clock = new FakeClock();
  const pools: FakePool[] = [];
  const events: string[] = [];
  const cluster = new Cluster(config, endpoints, {
    clock,
    random: seededRandom(1),
    healthWindowMs,
    resolve: async (name) => names[name] ?? Promise.reject(new Error(`ENOTFOUND ${name}`)),
    createPool: (scope) => {
      const pool: FakePool = {
        scope,
        connections: 0,
        idle: 0,
        pending: 0,
        isDrained: false,
        isClosed: false,
        newStream: () => null,
        renew: () => undefined,
        drain: () => {
          pool.isDrained = true;
        },
        close: () => {
          pool.isClosed = true;
        },
      };
      pools.push(pool);
      return pool;
    },
    onOutlierEvent: (name, event) => events.push(`${name} ${event.action} ${event.host.key}`),
  });
  const picked = (times = 20) =>
    [...new Set(Array.from({ length: times }, () => cluster.pick({})?.key ?? 'none'))].sort();
  const hostOf = (key: string): Host => {
    const host = cluster.hosts.get(key);
    assert.ok(host, key);
    return host;
  };
  return { clock, cluster, pools, events, picked, hostOf, names };
}

describe('endpoints', () => {
  test('an EDS cluster waits for its endpoints, and keeps those it has when none come with a new configuration', () => {
    const s = setUp(aCluster(), null);
    assert.deepEqual([s.picked(), s.cluster.stats.upstream_cx_none_healthy], [['none'], 20]);
    s.cluster.update(aCluster(), someEndpoints('10.0.0.1', '10.0.0.2'));
    s.cluster.update(aCluster({ connectTimeoutMs: 1 }), null);
    assert.deepEqual(s.picked(), ['10.0.0.1:80', '10.0.0.2:80']);
    assert.deepEqual([s.cluster.stats.membership_total, s.cluster.stats.membership_healthy], [2, 2]);
  });

  test('a static cluster has its own', () => {
    const discovery = { kind: 'static', endpoints: someEndpoints('10.0.0.1') } as const;
    assert.deepEqual(setUp(aCluster({ discovery }), null).picked(), ['10.0.0.1:80']);
  });

  test('a host that leaves drains its pools; one that stays keeps them', () => {
    const s = setUp(aCluster(), someEndpoints('10.0.0.1', '10.0.0.2'));
    const [stays, leaves] = [s.hostOf('10.0.0.1:80'), s.hostOf('10.0.0.2:80')];
    stays.pool('http1');
    leaves.pool('http1');
    s.cluster.update(aCluster(), someEndpoints('10.0.0.1', '10.0.0.3'));
    assert.deepEqual(
      s.pools.map((pool) => pool.isDrained),
      [false, true],
    );
    assert.equal(stays.pool('http1'), s.pools[0]);
  });

  test('strict DNS has a host for each address, and keeps them while the resolver fails', async () => {
    const endpoints = someEndpoints('app.example', '10.9.9.9');
    const discovery = { kind: 'strictDns', endpoints, refreshMs: 5_000, family: 'v4' } as const;
    const s = setUp(aCluster({ discovery }), null, { names: { 'app.example': ['10.0.0.1', '10.0.0.2'] } });
    await settle();
    assert.deepEqual(s.picked(), ['10.0.0.1:80', '10.0.0.2:80', '10.9.9.9:80']);
    assert.equal(s.hostOf('10.0.0.1:80').endpoint.hostname, 'app.example');
    delete s.names['app.example'];
    s.clock.advance(5_000);
    await settle();
    assert.deepEqual(s.picked().length, 3);
    assert.deepEqual([...s.cluster.dnsProblems()], [['app.example', 'ENOTFOUND app.example']]);
    s.cluster.close();
  });

  test('logical DNS has one host, the first address', async () => {
    const discovery = { kind: 'logicalDns', endpoints: someEndpoints('app'), refreshMs: 5_000, family: 'v4' } as const;
    const s = setUp(aCluster({ discovery }), null, { names: { app: ['10.0.0.2', '10.0.0.1'] } });
    await settle();
    assert.deepEqual(s.picked(), ['10.0.0.1:80']);
    s.cluster.close();
  });

  test('an original-destination cluster makes hosts as they are asked for, and lets the unused go', () => {
    const s = setUp(aCluster({ discovery: { kind: 'originalDst', useHttpHeader: false, portOverride: null } }), null);
    const pick = (address: string) => s.cluster.pick({ destination: { address, port: 9000 } });
    const host = pick('10.1.1.1');
    assert.equal(pick('10.1.1.1'), host);
    pick('10.1.1.2')?.pool('http1');
    assert.equal(s.cluster.pick({}), null);
    assert.deepEqual([...s.cluster.hosts.keys()], ['10.1.1.1:9000', '10.1.1.2:9000']);
    const [pool] = s.pools;
    assert.ok(pool);
    pool.connections = 1;
    s.clock.advance(5_000);
    assert.deepEqual([[...s.cluster.hosts.keys()], host?.isRemoved], [['10.1.1.2:9000'], true]);
    pool.connections = 0;
    s.clock.advance(5_000);
    assert.deepEqual([s.cluster.hosts.size, s.clock.pending, pool.isDrained], [0, 0, true]);
  });

  test('a port override replaces the port of the original destination', () => {
    const discovery = { kind: 'originalDst', useHttpHeader: false, portOverride: 15_006 } as const;
    const s = setUp(aCluster({ discovery }), null);
    assert.equal(s.cluster.pick({ destination: { address: '::1', port: 9000 } })?.key, '[::1]:15006');
    s.cluster.close();
  });

  test('an original destination in the name of one is not that in the name of another, and goes when it is not used', () => {
    const s = setUp(aCluster({ discovery: { kind: 'originalDst', useHttpHeader: false, portOverride: null } }), null);
    const pick = (client: string | null) => {
      const inNameOf = client === null ? null : { address: client, mark: 1337 };
      return s.cluster.pick({ destination: { address: '10.1.1.1', port: 9000, inNameOf } });
    };
    const own = pick(null);
    const [one, other] = [pick('10.2.0.1'), pick('10.2.0.2')];
    assert.equal(pick('10.2.0.1'), one);
    assert.equal(new Set([own, one, other]).size, 3);
    assert.deepEqual(
      [own, one, other].map((host) => [host?.key, host?.inNameOf?.address ?? null]),
      [
        ['10.1.1.1:9000', null],
        ['10.1.1.1:9000', '10.2.0.1'],
        ['10.1.1.1:9000', '10.2.0.2'],
      ],
    );
    s.clock.advance(5_000);
    assert.deepEqual([s.cluster.hosts.size, s.clock.pending], [0, 0]);
    s.cluster.close();
  });
});

describe('choosing', () => {
  test('a host that was tried is avoided for as many attempts as are allowed', () => {
    const s = setUp(aCluster(), someEndpoints('10.0.0.1', '10.0.0.2'));
    const exclude = new Set([s.hostOf('10.0.0.1:80')]);
    const keys = (attempts: number) =>
      new Set(Array.from({ length: 20 }, () => s.cluster.pick({ exclude, attempts })?.key));
    assert.deepEqual([...keys(1)], ['10.0.0.2:80']);
    assert.equal(keys(0).size, 2);
    const all = new Set(s.cluster.hosts.values());
    assert.ok(s.cluster.pick({ exclude: all, attempts: 5 }));
  });
});

describe('outliers', () => {
  const config = aCluster({ outlier: anOutlierConfig });

  test('an ejected host gets nothing until an interval ends its time, and that is told', () => {
    const s = setUp(config, someEndpoints('10.0.0.1', '10.0.0.2'));
    const host = s.hostOf('10.0.0.1:80');
    host.reportLocal('connectFailed');
    host.reportStatus(500);
    assert.deepEqual([s.picked(), s.cluster.stats.membership_healthy], [['10.0.0.2:80'], 1]);
    s.clock.advance(29_999);
    assert.deepEqual(s.picked(), ['10.0.0.2:80']);
    s.clock.advance(1);
    assert.equal(s.picked().length, 2);
    assert.deepEqual(s.events, ['c EJECT 10.0.0.1:80', 'c UNEJECT 10.0.0.1:80']);
    s.cluster.close();
    assert.equal(s.clock.pending, 0);
  });

  test('with a window a second ejected host gets requests until the window is over', () => {
    const s = setUp(config, someEndpoints('10.0.0.1', '10.0.0.2', '10.0.0.3'), { healthWindowMs: () => 1000 });
    for (const key of ['10.0.0.1:80', '10.0.0.2:80']) for (let n = 0; n < 2; n++) s.hostOf(key).reportStatus(500);
    assert.deepEqual([s.picked(), s.cluster.stats.membership_healthy], [['10.0.0.2:80', '10.0.0.3:80'], 1]);
    s.clock.advance(1000);
    assert.deepEqual(s.picked(), ['10.0.0.3:80']);
    s.cluster.close();
    assert.equal(s.clock.pending, 0);
  });

  test('ejections and counts live through a new configuration', () => {
    const s = setUp(config, someEndpoints('10.0.0.1', '10.0.0.2'));
    s.hostOf('10.0.0.1:80').reportStatus(500);
    s.cluster.update({ ...config, connectTimeoutMs: 7 }, someEndpoints('10.0.0.1', '10.0.0.2', '10.0.0.3'));
    s.hostOf('10.0.0.1:80').reportStatus(500);
    assert.equal(s.cluster.outlierStats?.ejections_active, 1);
    s.cluster.update({ ...config, balancer: { kind: 'random' } }, null);
    assert.deepEqual(s.picked(50), ['10.0.0.2:80', '10.0.0.3:80']);
    s.cluster.close();
  });

  test('switched off, everybody returns', () => {
    const s = setUp(config, someEndpoints('10.0.0.1', '10.0.0.2'));
    for (let n = 0; n < 2; n++) s.hostOf('10.0.0.1:80').reportStatus(500);
    s.cluster.update(aCluster(), null);
    assert.equal(s.picked().length, 2);
    assert.equal(s.clock.pending, 0);
  });
});

describe('transport', () => {
  const config = aCluster({
    transportMatches: [{ name: 'tlsMode-istio', labels: { tlsMode: 'istio' }, transport: tls }],
  });
  const withTls = anEndpoint('10.0.0.1', { transportLabels: { tlsMode: 'istio' } });

  test('follows the labels of the endpoint', () => {
    const s = setUp(config, someEndpoints(withTls, '10.0.0.2'));
    s.hostOf('10.0.0.1:80').pool('http1');
    s.hostOf('10.0.0.2:80').pool('http1');
    assert.deepEqual(
      s.pools.map((pool) => pool.scope.transport.kind),
      ['upstream', 'plaintext'],
    );
  });

  test('pools drain when it changes, by the labels or by the configuration, and only then', () => {
    const s = setUp(config, someEndpoints(withTls, '10.0.0.2'));
    for (const host of s.cluster.hosts.values()) host.pool('http1');
    s.cluster.update({ ...config, breakers: { ...config.breakers } }, someEndpoints(withTls, '10.0.0.2'));
    assert.ok(s.pools.every((pool) => !pool.isDrained));
    s.cluster.update(config, someEndpoints('10.0.0.1', '10.0.0.2'));
    assert.deepEqual(
      s.pools.map((pool) => pool.isDrained),
      [true, false],
    );
    s.cluster.update({ ...config, transport: tls }, null);
    assert.ok(s.pools.every((pool) => pool.isDrained));
  });

  test('pools of different keys are different', () => {
    const s = setUp(config, someEndpoints('10.0.0.1'));
    const host = s.hostOf('10.0.0.1:80');
    assert.notEqual(host.pool('http1'), host.pool('http2'));
    assert.equal(host.pool('http1'), host.pool('http1'));
    s.cluster.destroy();
    assert.ok(s.pools.every((pool) => pool.isClosed));
  });
});
