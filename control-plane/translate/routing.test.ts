/** How VirtualServices meet: order, hosts, matches, weights. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { aMesh, aNode, resourcesOf } from './test-support.ts';
import { indexMesh, translate } from './translate.ts';

type Route = Readonly<{
  name?: string;
  match: Readonly<Record<string, unknown>>;
  route?: Readonly<{ cluster?: string; weighted_clusters?: Readonly<{ clusters: readonly { weight: number }[] }> }>;
  direct_response?: Readonly<{ status: number }>;
}>;
type Host = Readonly<{ name: string; domains: readonly string[]; routes: readonly Route[] }>;

const services = `
kind: Service
metadata: {name: reviews}
spec: {clusterIP: 10.96.0.10, ports: [{name: http, port: 80, protocol: TCP}]}
---
kind: Service
metadata: {name: ratings, namespace: prod}
spec: {clusterIP: 10.96.0.11, ports: [{name: http, port: 80, protocol: TCP}]}
`;

function hosts(text: string, node = aNode()): readonly Host[] {
  const index = indexMesh(aMesh(resourcesOf(`${services}---\n${text}`)));
  const routes = translate(index, node).get(typeUrls.routes)?.get('80');
  return (routes?.['virtual_hosts'] ?? []) as unknown as readonly Host[];
}

function reviewsOf(text: string, node = aNode()): readonly Route[] {
  return hosts(text, node).find(({ name }) => name === 'reviews.default.svc.cluster.local:80')?.routes ?? [];
}

const names = (routes: readonly Route[]): readonly (string | undefined)[] => routes.map(({ name }) => name);
const virtualService = (name: string, time: string, rest: string): string =>
  `kind: VirtualService\nmetadata: {name: ${name}, creationTimestamp: "${time}"}\nspec: {hosts: [reviews], ${rest}}\n`;
const to = 'route: [{destination: {host: reviews}}]';

suite('virtual services', () => {
  test('of two for one host the older wins whole', () => {
    const young = virtualService(
      'a',
      '2026-02-01T00:00:00Z',
      `http: [{name: young, match: [{uri: {prefix: /young}}], ${to}}]`,
    );
    const old = virtualService(
      'b',
      '2026-01-01T00:00:00Z',
      `http: [{name: old, match: [{uri: {prefix: /old}}], ${to}}]`,
    );
    assert.deepEqual(names(reviewsOf(`${young}---\n${old}`)), ['old']);
  });

  test('one that is private to the namespace goes before an older public one', () => {
    const open = virtualService('a', '2026-01-01T00:00:00Z', `http: [{name: open, ${to}}]`);
    const own = virtualService('b', '2026-02-01T00:00:00Z', `exportTo: ["."], http: [{name: own, ${to}}]`);
    assert.deepEqual(names(reviewsOf(`${open}---\n${own}`)), ['own']);
  });

  test('rules keep their order, and none follows one that takes everything', () => {
    const text = virtualService(
      'a',
      '',
      `http: [{name: b, match: [{uri: {prefix: /b}}], ${to}}, {name: all, ${to}}, {name: c, match: [{uri: {prefix: /c}}], ${to}}]`,
    );
    assert.deepEqual(names(reviewsOf(text)), ['b', 'all']);
  });

  test('a catch-all with a header does not end the rules, and none is moved to the end', () => {
    const text = virtualService(
      'a',
      '',
      `http: [{name: all, match: [{uri: {prefix: /}, headers: {x: {}}}], ${to}}, {name: b, match: [{uri: {prefix: /b}}], ${to}}]`,
    );
    assert.deepEqual(names(reviewsOf(text)), ['all', 'b']);
  });

  test('prefixes are not cut at segments, and regular expressions are for the whole path', () => {
    const text = virtualService('a', '', `http: [{match: [{uri: {prefix: /foo}}, {uri: {regex: "/item/.*"}}], ${to}}]`);
    assert.deepEqual(
      reviewsOf(text).map(({ match }) => match),
      [
        { prefix: '/foo', case_sensitive: true },
        { safe_regex: { regex: '/item/.*' }, case_sensitive: true },
      ],
    );
  });

  test('destinations of weight zero are left out, and weights are not made to sum to a hundred', () => {
    const text = virtualService(
      'a',
      '',
      'http: [{route: [{destination: {host: reviews}, weight: 1}, {destination: {host: x}, weight: 0}, {destination: {host: y}, weight: 2}]}]',
    );
    assert.deepEqual(
      reviewsOf(text)[0]?.route?.weighted_clusters?.clusters.map(({ weight }) => weight),
      [1, 2],
    );
  });

  test('a single destination needs no weight, not even when it is zero', () => {
    const text = virtualService('a', '', 'http: [{route: [{destination: {host: reviews}, weight: 0}]}]');
    assert.equal(reviewsOf(text)[0]?.route?.cluster, 'outbound|80||reviews.default.svc.cluster.local');
  });

  test('several destinations of which all have weight zero answer 503', () => {
    const text = virtualService(
      'a',
      '',
      'http: [{route: [{destination: {host: x}, weight: 0}, {destination: {host: y}, weight: 0}]}]',
    );
    assert.deepEqual(reviewsOf(text)[0]?.direct_response, { status: 503 });
  });

  test('rules for other clients are left out; with none left the service has its default route', () => {
    const text = virtualService('a', '', `http: [{name: db, match: [{sourceLabels: {tier: db}}], ${to}}]`);
    assert.deepEqual(names(reviewsOf(text)), ['default']);
    assert.deepEqual(names(reviewsOf(text, aNode({ labels: { tier: 'db' } }))), ['db']);
  });

  test('short names are for the same namespace, and names with the namespace for all', () => {
    const domains = (namespace: string) => hosts('kind: Nothing', aNode({ namespace })).flatMap((host) => host.domains);
    assert.deepEqual(domains('prod'), [
      'ratings.prod.svc.cluster.local',
      'ratings.prod.svc.cluster.local.',
      'ratings',
      'ratings.prod.svc',
      'ratings.prod',
      '10.96.0.11',
      'reviews.default.svc.cluster.local',
      'reviews.default.svc.cluster.local.',
      'reviews.default',
      'reviews.default.svc',
      '10.96.0.10',
      '*',
    ]);
  });

  test('a host without a service gets its rules on port 80', () => {
    const text = `kind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [example.com], http: [{name: outside, ${to}}]}`;
    assert.deepEqual(
      hosts(text).filter(({ name }) => name.startsWith('example')),
      [
        {
          name: 'example.com:80',
          domains: ['example.com'],
          include_request_attempt_count: true,
          routes: hosts(text)[0]?.routes,
        },
      ],
    );
    assert.deepEqual(names(hosts(text)[0]?.routes ?? []), ['outside']);
  });
});

suite('delegates', () => {
  const root = (rules: string): string => virtualService('root', '2026-01-01T00:00:00Z', `http: [${rules}]`);
  const delegate = (rules: string, { name = 'leaf', namespace = 'default', exportTo = '"*"' } = {}): string =>
    `kind: VirtualService\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {exportTo: [${exportTo}], http: [${rules}]}\n`;
  const summary = (...documents: string[]): readonly string[] =>
    reviewsOf(documents.join('---\n')).map(({ name, match, route, direct_response: direct }) => {
      const { prefix, path, headers } = match as {
        prefix?: string;
        path?: string;
        headers?: readonly { name: string }[];
      };
      const conditions = (headers ?? []).map((header) => header.name).join();
      return [name, prefix ?? path, conditions, route?.cluster ?? direct?.status].join(' ').trim();
    });
  const direct = (status: number): string => `directResponse: {status: ${status}}`;

  test('take the place of the rule, for what both match', () => {
    const rule = '{name: r, match: [{uri: {prefix: /a}, method: {exact: GET}}], delegate: {name: leaf}}';
    const leaf = delegate(
      `{name: one, match: [{uri: {prefix: /a/b}}], ${direct(210)}}, {match: [{uri: {exact: /a/c}, headers: {x: {exact: y}}}], ${direct(211)}}, {${direct(212)}}`,
    );
    assert.deepEqual(summary(root(`${rule}, {${direct(299)}}`), leaf), [
      'r-one /a/b :method 210',
      'r /a/c x,:method 211',
      'r /a :method 212',
      '/  299',
    ]);
  });

  test('lose rules that reach beyond the root', () => {
    const rule = '{match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: leaf}}';
    const match = (uri: string, status: number): string => `{match: [{uri: ${uri}}], ${direct(status)}}`;
    const leaf = delegate(
      [
        match('{prefix: /c}', 210),
        match('{prefix: /b/x}', 211),
        match('{regex: /a.*}', 212),
        match('{exact: /a}', 213),
      ].join(),
    );
    assert.deepEqual(summary(root(rule), leaf), ['/b/x  211', '/a  213']);
  });

  test('that are missing or not exported drop the rule, and the next one is tried', () => {
    const rule = '{match: [{uri: {prefix: /a}}], delegate: {name: leaf, namespace: prod}}';
    const next = `{${direct(299)}}`;
    assert.deepEqual(summary(root(`${rule}, ${next}`)), ['/  299']);
    const hidden = delegate(`{${direct(210)}}`, { namespace: 'prod', exportTo: '"."' });
    assert.deepEqual(summary(root(`${rule}, ${next}`), hidden), ['/  299']);
  });

  test('name hosts in their own namespace, and take from the root what they do not say', () => {
    const rule = '{timeout: 3s, retries: {attempts: 0}, delegate: {name: leaf, namespace: prod}}';
    const leaf = delegate('{timeout: 5s, route: [{destination: {host: ratings}}]}', { namespace: 'prod' });
    const [route] = reviewsOf(`${root(rule)}---\n${leaf}`);
    const { cluster, timeout, retry_policy: retry } = (route?.route ?? {}) as Record<string, unknown>;
    assert.deepEqual([cluster, timeout, retry], ['outbound|80||ratings.prod.svc.cluster.local', '5s', undefined]);
  });
});
