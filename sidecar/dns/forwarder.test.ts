import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { NameTable } from '../snapshot/name-table.ts';
import { anAnswer, aQuery, aSoa, aTable, parsed, tell } from './dns.fixture.ts';
import type { Exchange } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { withId } from './message.ts';
import { DnsMetrics } from './metrics.ts';
import { emptyResolvConf, type ResolvConf } from './resolv-conf.ts';
import { DnsResolver } from './resolver.ts';

const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((host) => ({ host, port: 53 }));
const conf: ResolvConf = { ...emptyResolvConf, servers };
const a = (data: string, name = 'x.example') => ({ type: 'A', name, ttl: 60, data }) as const;

/** A forwarder whose servers do as `behave` says. */
function aForwarder(behave: (exchange: Exchange) => Buffer | null) {
  const asked: Exchange[] = [];
  const problems: string[] = [];
  const forwarder = new Forwarder({
    ask: (exchange) => {
      asked.push(exchange);
      const release = exchange.onPort(40_000);
      const answer = behave(exchange);
      release();
      if (answer === null || !exchange.isAnswer(answer)) return Promise.reject(new MeshError('timeout', 'silent'));
      return Promise.resolve(answer);
    },
    random: () => 0.5,
    own: () => [{ host: '127.0.0.1', port: 53 }],
    onProblem: (server) => problems.push(server),
  });
  return { forwarder, asked, problems };
}

const query = parsed(aQuery('x.example', 'A', { id: 99 }));
const text = (answer: { message: Buffer } | null): string => (answer === null ? 'nobody' : tell(answer.message));

describe('forwarding', () => {
  test('asks the servers in order, each for its share of the time, until one answers', async () => {
    const { forwarder, asked, problems } = aForwarder(({ server, message }) =>
      server.host === '10.0.0.2' ? anAnswer(message, [a('10.1.1.1')]) : null,
    );
    const answer = await forwarder.forward(query, 'tcp', conf);
    assert.equal(text(answer), 'NOERROR, x.example A 10.1.1.1');
    assert.equal(answer?.message.readUInt16BE(0), 99, 'the id of the query');
    assert.deepEqual(
      asked.map(({ server, transport, timeoutMs }) => `${server.host} ${transport} ${timeoutMs}`),
      ['10.0.0.1 tcp 1500', '10.0.0.2 tcp 1500'],
    );
    assert.deepEqual(problems, ['10.0.0.1:53']);
    assert.equal(asked[0]?.message.readUInt16BE(0), 32_768, 'an id of its own');
  });

  test('passes over servers that do not want to, and tells what the last of them said', async () => {
    const rcodes: Record<string, number> = { '10.0.0.1': 5, '10.0.0.2': 2, '10.0.0.3': 3 };
    const willing = aForwarder(({ server, message }) => anAnswer(message, [], { rcode: rcodes[server.host] ?? 0 }));
    assert.equal(text(await willing.forwarder.forward(query, 'udp', conf)), 'NXDOMAIN');
    const none = aForwarder(({ message }) => anAnswer(message, [], { rcode: 5 }));
    assert.equal(text(await none.forwarder.forward(query, 'udp', conf)), 'REFUSED');
    assert.equal(none.asked.length, 3);
  });

  test('asks a single server again, whose datagram may have been lost', async () => {
    let count = 0;
    const { forwarder } = aForwarder(({ message }) => (++count === 1 ? null : anAnswer(message, [a('10.1.1.1')])));
    const one = { ...conf, servers: servers.slice(0, 1) };
    assert.equal(text(await forwarder.forward(query, 'udp', one)), 'NOERROR, x.example A 10.1.1.1');
    count = 0;
    assert.equal(text(await forwarder.forward(query, 'tcp', one)), 'nobody');
  });

  test('takes no answer with another id, question, or direction', async () => {
    for (const forged of [
      (message: Buffer) => withId(anAnswer(message, [a('6.6.6.6')]), 1),
      () => withId(anAnswer(aQuery('y.example'), [a('6.6.6.6', 'y.example')]), 32_768),
      () => withId(anAnswer(aQuery('x.example', 'AAAA'), []), 32_768),
      (message: Buffer) => message,
      () => Buffer.from([0x80, 0, 0x81, 0x80, 0, 1]),
    ]) {
      const { forwarder } = aForwarder(({ message }) => forged(message));
      assert.equal(await forwarder.forward(query, 'udp', conf), null);
    }
  });

  test('takes an answer whose server changed the case of letters', async () => {
    const { forwarder } = aForwarder(() => withId(anAnswer(aQuery('X.eXample'), [a('10.1.1.1')]), 32_768));
    assert.equal(text(await forwarder.forward(query, 'udp', conf)), 'NOERROR, x.example A 10.1.1.1');
  });

  test('never asks itself', async () => {
    const { forwarder, asked } = aForwarder(() => null);
    const own = { ...conf, servers: [{ host: '127.0.0.1', port: 53 }] };
    assert.equal(await forwarder.forward(query, 'udp', own), null);
    assert.equal(asked.length, 0);
  });

  test('knows its own questions when they come back to it, while they wait', async () => {
    const seen: boolean[] = [];
    const own = aForwarder(({ message }) => {
      const id = message.readUInt16BE(0);
      seen.push(own.forwarder.isOwn(40_000, id), own.forwarder.isOwn(40_001, id), own.forwarder.isOwn(40_000, id + 1));
      return anAnswer(message, []);
    });
    await own.forwarder.forward(query, 'udp', conf);
    assert.deepEqual(seen, [true, false, false]);
    assert.equal(own.forwarder.isOwn(40_000, 32_768), false);
  });
});

/** The whole of it with one server. */
function aResolver(
  behave: (message: Buffer) => Buffer | null,
  more: { table?: NameTable | null; first?: boolean } = {},
) {
  const clock = new FakeClock();
  const metrics = new DnsMetrics();
  const { table = aTable({ 'db.example': ['240.240.0.1'] }), first = false } = more;
  const names = new WatchSource(table);
  const { forwarder, asked } = aForwarder(({ message }) => behave(message));
  let current = conf;
  const resolver = new DnsResolver({
    names,
    namespace: 'shop',
    domain: 'svc.cluster.local',
    resolvConf: () => current,
    forwarder,
    metrics,
    clock,
    random: () => 0,
    forwardsBeforeNames: first,
  });
  const look = async (message: Buffer, port = 1) => {
    const answer = await resolver.answer(message, 'udp', port);
    return answer === null ? 'nothing' : tell(answer);
  };
  const count = () => [metrics.requests, metrics.upstreamRequests, metrics.upstreamFailures, metrics.cacheHits];
  return { look, clock, names, asked, count, resolver, setConf: (next: ResolvConf) => (current = next) };
}

describe('resolving', () => {
  test('asks nobody for names of the mesh, and follows their changes', async () => {
    const { look, names, count } = aResolver(() => null);
    assert.equal(await look(aQuery('db.example')), 'NOERROR, aa, db.example A 240.240.0.1');
    names.set(aTable({ 'db.example': ['240.240.0.2'] }));
    assert.equal(await look(aQuery('db.example')), 'NOERROR, aa, db.example A 240.240.0.2');
    assert.deepEqual(count(), [2, 0, 0, 0]);
  });

  test('fails before names have come, unless this process asks itself', async () => {
    const answer = (message: Buffer) => anAnswer(message, [a('10.1.1.1')]);
    assert.equal(await aResolver(answer, { table: null }).look(aQuery('x.example')), 'SERVFAIL');
    const first = aResolver(answer, { table: null, first: true });
    assert.equal(await first.look(aQuery('x.example')), 'NOERROR, x.example A 10.1.1.1');
  });

  test('keeps what it was told, denials too, until its time is over', async () => {
    const { look, clock, count } = aResolver((message) =>
      message.includes('none')
        ? anAnswer(message, [], { rcode: 3, authorities: [aSoa(30, 30)] })
        : anAnswer(message, [a('10.1.1.1')]),
    );
    for (const name of ['x.example', 'none.example'])
      for (let i = 0; i < 3; i++) await look(aQuery(name, 'A', { id: i }));
    assert.deepEqual(count(), [6, 2, 0, 4]);
    clock.advance(31_000);
    await look(aQuery('x.example'));
    await look(aQuery('none.example'));
    assert.deepEqual(count(), [8, 3, 0, 5]);
  });

  test('answers out of what is kept as the client wrote it', async () => {
    const { resolver } = aResolver((message) => anAnswer(message, [a('10.1.1.1')]));
    await resolver.answer(aQuery('x.example'), 'udp', 1);
    const again = await resolver.answer(aQuery('X.Example', 'A', { id: 4242 }), 'udp', 1);
    assert.ok(again !== null);
    assert.equal(again.readUInt16BE(0), 4242);
    assert.ok(again.includes('Example'));
  });

  test('asks once for all who ask the same at the same time', async () => {
    const { resolver, count } = aResolver((message) => anAnswer(message, [a('10.1.1.1')]));
    const names = ['x.example', 'X.example', 'x.eXample'];
    const all = await Promise.all(names.map((name, id) => resolver.answer(aQuery(name, 'A', { id }), 'udp', 1)));
    assert.deepEqual(
      all.map((answer) => [answer?.readUInt16BE(0), answer?.toString('latin1', 13, 14)]),
      [
        [0, 'x'],
        [1, 'X'],
        [2, 'x'],
      ],
    );
    assert.deepEqual(count(), [3, 1, 0, 0]);
  });

  test('asks anew when the resolvers are others', async () => {
    const { look, count, setConf } = aResolver((message) => anAnswer(message, [a('10.1.1.1')]));
    await look(aQuery('x.example'));
    setConf({ ...conf, search: ['shop.svc.cluster.local'] });
    await look(aQuery('x.example'));
    assert.deepEqual(count(), [2, 2, 0, 0]);
    assert.match(await look(aQuery('db.example.shop.svc.cluster.local')), /CNAME db\.example/);
  });

  test('says that it failed when nobody answers', async () => {
    const { look, count } = aResolver(() => null);
    assert.equal(await look(aQuery('x.example')), 'SERVFAIL');
    assert.deepEqual(count(), [1, 1, 1, 0]);
  });

  test('does not let others deny a name of the mesh that is asked for something else', async () => {
    const { look } = aResolver((message) => anAnswer(message, [], { rcode: 3 }));
    assert.equal(await look(aQuery('db.example', 'TXT')), 'NOERROR');
    assert.equal(await look(aQuery('x.example', 'TXT')), 'NXDOMAIN');
  });

  test('does not forward what it asked itself', async () => {
    let inner = '';
    const looped = aResolver((message) => {
      void looped.look(message, 40_000).then((answer) => (inner = answer));
      return null;
    });
    assert.equal(await looped.look(aQuery('x.example')), 'SERVFAIL');
    assert.equal(inner, 'SERVFAIL');
    assert.equal(looped.asked.length, 3, 'the three servers, once');
  });
});
