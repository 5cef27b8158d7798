import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { aManager } from '../proxy/exchange.fixture.ts';
import { emptyPlan, type Plan, type PlanChain } from '../proxy/plan.ts';
import { aRoute, aTable, aVirtualHost } from '../routing/routes.fixture.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { FilterChain, ListenerConfig } from '../snapshot/listener.ts';
import type { RouteTable } from '../snapshot/route.ts';
import { emptySnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import { aCluster, someEndpoints } from '../upstream/cluster.fixture.ts';
import { Cluster } from '../upstream/cluster.ts';
import { compilePlan, type PlanTools } from './compile-plan.ts';

const aChain = (name: string, fields: Partial<FilterChain> = {}): FilterChain => ({
  name,
  match: {
    destinationPort: null,
    destinationCidrs: [],
    serverNames: [],
    transportProtocol: '',
    applicationProtocols: [],
    sourceCidrs: [],
    directSourceCidrs: [],
    sourcePorts: [],
  },
  tls: null,
  rbac: [],
  handler: { kind: 'http', http: aManager() },
  connectTimeoutMs: 0,
  ...fields,
});

const aListener = (name: string, fields: Partial<ListenerConfig> = {}): ListenerConfig => ({
  name,
  address: '127.0.0.1',
  port: 80,
  bindToPort: true,
  useOriginalDst: false,
  transparent: false,
  direction: 'outbound',
  inspect: {
    originalDst: false,
    originalSrcMark: null,
    tls: false,
    http: false,
    disabledPorts: [],
    timeoutMs: 0,
    continueOnTimeout: false,
  },
  chains: [aChain(`${name}-chain`)],
  defaultChain: null,
  accessLogs: [],
  compat: '',
  probe: null,
  ...fields,
});

const badLog = {
  kind: 'file',
  path: '/dev/null',
  format: { kind: 'text', template: '%NONSENSE%' },
  onlyFlags: null,
} as const;
const aBadTable: RouteTable = aTable([aVirtualHost(['*'], [aRoute('~([a')])]);

function setUp() {
  const problems: string[] = [];
  const made: string[] = [];
  const closed: string[] = [];
  const clock = new FakeClock();
  const random = seededRandom(1);
  const tools: PlanTools = {
    random,
    compat: 'tulle',
    writers: { writer: () => assert.fail('no log is written here') },
    createCluster: (config, endpoints) => {
      made.push(config.name);
      const cluster = new Cluster(config, endpoints, {
        clock,
        random,
        resolve: () => Promise.resolve([]),
        createPool: () => assert.fail('no request is made here'),
        onOutlierEvent: () => undefined,
      });
      const close = cluster.close.bind(cluster);
      cluster.close = () => {
        closed.push(config.name);
        close();
      };
      return cluster;
    },
    onProblem: (what, text) => problems.push(`${what}: ${text}`),
  };
  const compile = (snapshot: Partial<Snapshot>, previous: Plan = emptyPlan) =>
    compilePlan({ ...emptySnapshot, ...snapshot }, previous, tools);
  return { compile, problems, made, closed };
}

const byName = <T extends { name: string }>(...items: T[]): ReadonlyMap<string, T> =>
  new Map(items.map((item) => [item.name, item]));

test('what did not change stays the same object, whatever else changes', () => {
  const { compile, made } = setUp();
  const [a, b] = [aListener('a'), aListener('b')];
  const table = aTable([aVirtualHost(['*'], [aRoute('/*')])]);
  const clusters = byName(aCluster({ name: 'c' }));
  const first = compile({ listeners: byName(a, b), routes: byName(table), clusters }).plan;
  const changed = aListener('b', { port: 81 });
  const second = compile({ listeners: byName(a, changed), routes: byName(table), clusters }, first).plan;
  assert.equal(second.listeners.get('a'), first.listeners.get('a'));
  assert.equal(second.routes.get('80'), first.routes.get('80'));
  assert.equal(second.clusters.get('c'), first.clusters.get('c'));
  assert.notEqual(second.listeners.get('b'), first.listeners.get('b'));
  assert.equal(second.listeners.get('b')?.config, changed);
  assert.deepEqual([first.generation, second.generation, made], [1, 2, ['c']]);
});

test('a cluster takes its new configuration and endpoints, and stays itself', () => {
  const { compile, made } = setUp();
  const config: ClusterConfig = aCluster({ name: 'c' });
  const endpoints = new Map([['c', someEndpoints('10.0.0.1')]]);
  const first = compile({ clusters: byName(config), endpoints }).plan;
  const host = first.clusters.get('c')?.hosts.get('10.0.0.1:80');
  assert.notEqual(host, undefined);
  const slower = { ...config, connectTimeoutMs: 9000 };
  const more = new Map([['c', someEndpoints('10.0.0.1', '10.0.0.2')]]);
  const { plan, retire } = compile({ clusters: byName(slower), endpoints: more }, first);
  const cluster = plan.clusters.get('c');
  assert.equal(cluster, first.clusters.get('c'));
  assert.equal(cluster?.config.connectTimeoutMs, 9000);
  assert.equal(cluster.hosts.size, 2);
  assert.equal(cluster.hosts.get('10.0.0.1:80'), host);
  retire();
  assert.deepEqual(made, ['c']);
});

test('a cluster that is gone is closed when it is retired, not before', () => {
  const { compile, closed } = setUp();
  const first = compile({ clusters: byName(aCluster({ name: 'a' }), aCluster({ name: 'b' })) }).plan;
  const { plan, retire } = compile({ clusters: byName(first.clusters.get('a')?.config ?? aCluster()) }, first);
  assert.deepEqual([[...plan.clusters.keys()], closed], [['a'], []]);
  retire();
  assert.deepEqual(closed, ['b']);
});

test('a cluster that finds its endpoints in another way is another one', () => {
  const { compile, closed, made } = setUp();
  const first = compile({ clusters: byName(aCluster({ name: 'c' })) }).plan;
  const discovery = { kind: 'static', endpoints: someEndpoints('10.0.0.1') } as const;
  const { plan, retire } = compile({ clusters: byName(aCluster({ name: 'c', discovery })) }, first);
  assert.notEqual(plan.clusters.get('c'), first.clusters.get('c'));
  retire();
  assert.deepEqual([made, closed], [['c', 'c'], ['c']]);
});

test('a listener or table that cannot be compiled keeps its former form and is told by name', () => {
  const { compile, problems } = setUp();
  const table = aTable([aVirtualHost(['*'], [aRoute('/*')])]);
  const first = compile({ listeners: byName(aListener('a'), aListener('b')), routes: byName(table) }).plan;
  const bad = aListener('a', { accessLogs: [badLog] });
  const { plan } = compile({ listeners: byName(bad, aListener('b', { port: 81 })), routes: byName(aBadTable) }, first);
  assert.equal(plan.listeners.get('a'), first.listeners.get('a'));
  assert.equal(plan.listeners.get('b')?.config.port, 81);
  assert.equal(plan.routes.get('80'), first.routes.get('80'));
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? '', /^80: .*match\.path/);
  assert.match(problems[1] ?? '', /^a: .*NONSENSE/);
});

test('a listener that could never be compiled is left out, the others stand', () => {
  const { compile, problems } = setUp();
  const { plan } = compile({ listeners: byName(aListener('bad', { accessLogs: [badLog] }), aListener('good')) });
  assert.deepEqual([...plan.listeners.keys()], ['good']);
  assert.equal(problems.length, 1);
});

test('all problems of a listener are told at once', () => {
  const { compile, problems } = setUp();
  const inline = { kind: 'inline', table: aBadTable } as const;
  const chains = [
    aChain('one', { handler: { kind: 'http', http: aManager({ accessLogs: [badLog] }) } }),
    aChain('two', { handler: { kind: 'http', http: aManager({ routes: inline }) } }),
  ];
  compile({ listeners: byName(aListener('a', { chains })) });
  assert.match(problems.join(), /NONSENSE.*match\.path/s);
});

test('the listener of applications’ proxy, and whose defaults hold', () => {
  const { compile } = setUp();
  const chainOf = (plan: Plan, name: string): PlanChain | undefined => plan.listeners.get(name)?.matcher.chains()[0];
  const { plan } = compile({
    listeners: byName(aListener('http_proxy'), aListener('other', { compat: 'istio' })),
  });
  const services = ['http_proxy', 'other'].map((name) => {
    const handler = chainOf(plan, name)?.handler;
    return handler?.kind === 'http' ? [handler.service.isForwardProxy, handler.service.compat] : null;
  });
  assert.deepEqual(services, [
    [true, 'tulle'],
    [false, 'istio'],
  ]);
});

test('a TCP chain draws its cluster by weight', () => {
  const { compile } = setUp();
  const cluster = { requestHeaders: { add: [], remove: [] }, responseHeaders: { add: [], remove: [] } };
  const weighted = (name: string, weight: number) => ({ name, weight, ...cluster, hostRewrite: null, filters: {} });
  const tcp = {
    statPrefix: '',
    target: { kind: 'weighted', clusters: [weighted('v1', 3), weighted('v2', 1)], totalWeight: 4 },
    idleTimeoutMs: 0,
    maxDurationMs: 0,
    maxConnectAttempts: 1,
    hashPolicies: [],
    accessLogs: [],
  } as const;
  const { plan } = compile({
    listeners: byName(aListener('t', { chains: [aChain('c', { handler: { kind: 'tcp', tcp } })] })),
  });
  const handler = plan.listeners.get('t')?.matcher.chains()[0]?.handler;
  assert.ok(handler?.kind === 'tcp');
  const drawn = Array.from({ length: 4000 }, () => handler.service.chooseCluster());
  const share = drawn.filter((name) => name === 'v1').length / drawn.length;
  assert.ok(share > 0.72 && share < 0.78, String(share));
});
