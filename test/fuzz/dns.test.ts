/** Foreign bytes at both sides of the DNS proxy: applications, and those who claim to be resolvers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'dns-packet';
import * as fc from 'fast-check';
import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { anAnswer, aQuery, aSoa, aTable } from '../../sidecar/dns/dns.fixture.ts';
import { Forwarder } from '../../sidecar/dns/forwarder.ts';
import { aged, flagBits, layoutOf, lifetimeOf, truncate } from '../../sidecar/dns/message.ts';
import { MessageStream, frame } from '../../sidecar/dns/message-stream.ts';
import { DnsMetrics } from '../../sidecar/dns/metrics.ts';
import { maxAnswerBytes, parseQuery } from '../../sidecar/dns/query.ts';
import { emptyResolvConf, parseResolvConf } from '../../sidecar/dns/resolv-conf.ts';
import { DnsResolver } from '../../sidecar/dns/resolver.ts';

const table = aTable({
  'orders.shop.svc.cluster.local': ['10.0.0.1', '10.0.0.2', 'fd00::1'],
  '*.wild.example': Array.from({ length: 60 }, (_, i) => `10.1.0.${i}`),
});

/** A resolver of one server, which answers with whatever it is given. */
function aResolver(answer: Buffer | null): DnsResolver {
  const random = seededRandom(1);
  return new DnsResolver({
    names: new WatchSource(table),
    namespace: 'shop',
    domain: 'svc.cluster.local',
    resolvConf: () => conf,
    forwarder: new Forwarder({
      ask: ({ isAnswer }) =>
        answer !== null && isAnswer(answer) ? Promise.resolve(answer) : Promise.reject(new Error('silent')),
      // The id is known to the attacker here: only what he says of it is at stake.
      random: () => 0,
      own: () => [],
      onProblem: () => undefined,
    }),
    metrics: new DnsMetrics(),
    clock: new FakeClock(),
    random,
    forwardsBeforeNames: false,
  });
}
const conf = { ...emptyResolvConf, servers: [{ host: '10.0.0.1', port: 53 }] };

const names = fc.constantFrom('orders', 'orders.shop', 'a.wild.example', 'b.wild.example.', 'x.org', '.');
const types = fc.constantFrom('A' as const, 'AAAA' as const, 'TXT' as const, 'SRV' as const);
const queries = fc
  .tuple(names, types, fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }), fc.nat(65_535))
  .map(([name, type, edns, id]) => aQuery(name, type, edns === undefined ? { id } : { id, edns }));
const answers = queries.map((query) =>
  anAnswer(query, [{ type: 'A', name: 'x.org', ttl: 60, data: '10.0.0.1' }], { authorities: [aSoa(60, 60)] }),
);

/** A message with some octets changed, cut off or added. */
const broken = (messages: fc.Arbitrary<Buffer>) =>
  fc
    .tuple(
      messages,
      fc.array(fc.tuple(fc.nat(600), fc.constantFrom(0, 1, 0x3f, 0x40, 0xc0, 0xff)), { maxLength: 6 }),
      fc.nat(600),
      fc.uint8Array({ maxLength: 20 }),
    )
    .map(([message, changes, end, more]) => {
      const copy = Buffer.from(message);
      for (const [at, octet] of changes) if (at < copy.length) copy[at] = octet;
      return Buffer.concat([end < copy.length && end % 3 === 0 ? copy.subarray(0, end) : copy, more]);
    });
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  broken(queries),
  broken(answers),
);
const transports = fc.constantFrom('udp' as const, 'tcp' as const);

/** What is said to anybody: a response with the id that came, that can be read, and is not too large. */
function isSane(query: Buffer, answer: Buffer | null, transport: 'udp' | 'tcp'): void {
  if (answer === null) return;
  assert.equal(answer.readUInt16BE(0), query.readUInt16BE(0));
  assert.notEqual(answer.readUInt16BE(2) & flagBits.response, 0);
  assert.ok(answer.length === 12 || layoutOf(answer) !== null);
  const parsed = parseQuery(query);
  if (parsed.kind === 'query') assert.ok(answer.length <= maxAnswerBytes(parsed.query, transport));
}

describe('the DNS proxy', () => {
  test('answers any bytes sanely or not at all, whatever its resolver says', async () => {
    await fc.assert(
      fc.asyncProperty(anything, anything, transports, async (message, said, transport) => {
        isSane(message, await aResolver(said).answer(message, transport, 1), transport);
      }),
      { numRuns: 3000 },
    );
  });

  test('gives out addresses of the mesh for its names alone, and others as their resolver said', async () => {
    const ours = new Set([...table.values()].flatMap(({ addresses }) => addresses));
    await fc.assert(
      fc.asyncProperty(broken(queries), transports, async (message, transport) => {
        const answer = await aResolver(null).answer(message, transport, 1);
        if (answer === null || answer.length === 12) return;
        const { questions = [], answers: records = [] } = decode(answer);
        for (const record of records) {
          assert.ok(record.type === 'A' || record.type === 'AAAA' || record.type === 'CNAME');
          if (record.type !== 'CNAME') assert.ok(ours.has(record.data), record.data);
          assert.match(questions[0]?.name ?? '', /^orders|wild\.example/i);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('cuts and ages any message that has a layout into one that has', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 300, max: 700 }), fc.nat(100_000), (message, limit, seconds) => {
        const layout = layoutOf(message);
        if (layout === null) return;
        lifetimeOf(message, layout, 1);
        assert.notEqual(layoutOf(aged(message, layout, seconds)), null);
        const opt = layout.records.filter(({ type }) => type === 41).reduce((sum, r) => sum + r.end - r.start, 0);
        if (layout.questionEnd + opt > limit) return;
        const cut = truncate(message, layout, limit);
        assert.ok(cut.length <= limit);
        assert.notEqual(layoutOf(cut), null);
      }),
      { numRuns: 2000 },
    );
  });

  test('finds the same messages on a connection however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 50 })), (messages, cuts) => {
        const found: Buffer[] = [];
        const stream = new MessageStream((message) => found.push(message));
        let rest = Buffer.concat(messages.map(frame));
        for (const length of cuts) {
          stream.push(rest.subarray(0, length));
          rest = rest.subarray(length);
        }
        stream.push(rest);
        assert.deepEqual(found, messages);
      }),
    );
  });

  test('reads any resolv.conf', () => {
    const words = fc.constantFrom(
      'nameserver',
      'search',
      'domain',
      'options',
      '10.0.0.1',
      '[::1]:5353',
      'timeout:',
      '\n',
      '#',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string()), { maxLength: 30 }), (parts) => {
        const { servers, timeoutMs, attempts } = parseResolvConf(parts.join(' '));
        for (const { port } of servers) assert.ok(port > 0 && port < 65_536);
        assert.ok(timeoutMs >= 1000 && timeoutMs <= 30_000 && attempts >= 1 && attempts <= 5);
      }),
    );
  });
});
