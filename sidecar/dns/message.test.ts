import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode } from 'dns-packet';
import { AnswerCache } from './cache.ts';
import { anAnswer, aQuery, aSoa, parsed, recordsOf } from './dns.fixture.ts';
import { aged, layoutOf, lifetimeOf, truncate } from './message.ts';

const query = aQuery('a.example');
const a = (ttl: number, data = '10.0.0.1') => ({ type: 'A', name: 'a.example', ttl, data }) as const;
const cname = (ttl: number) => ({ type: 'CNAME', name: 'a.example', ttl, data: 'b.example' }) as const;

function layoutFor(message: Buffer) {
  const layout = layoutOf(message);
  assert.ok(layout !== null);
  return layout;
}
const lifetime = (message: Buffer, type = 1) => lifetimeOf(message, layoutFor(message), type);

describe('the lifetime of an answer', () => {
  test('is that of its shortest record', () => {
    assert.equal(lifetime(anAnswer(query, [a(60), a(20)])), 20);
    assert.equal(lifetime(anAnswer(query, [cname(10), a(60)])), 10);
  });
  test('of a denial is that of the SOA or its minimum', () => {
    assert.equal(lifetime(anAnswer(query, [], { rcode: 3, authorities: [aSoa(900, 30)] })), 30);
    assert.equal(lifetime(anAnswer(query, [], { rcode: 3, authorities: [aSoa(5, 30)] })), 5);
    assert.equal(lifetime(anAnswer(query, [], { authorities: [aSoa(900, 40)] })), 40, 'no data');
    assert.equal(lifetime(anAnswer(query, [cname(7)], { authorities: [aSoa(900, 40)] })), 7, 'an alias to nothing');
  });
  test('is none for denials without SOA, failures, and what was cut', () => {
    assert.equal(lifetime(anAnswer(query, [], { rcode: 3 })), null);
    assert.equal(lifetime(anAnswer(query, [cname(7)])), null);
    assert.equal(lifetime(anAnswer(query, [], { rcode: 2, authorities: [aSoa(9, 9)] })), null);
    const cut = anAnswer(query, [a(60)]);
    cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
    assert.equal(lifetime(cut), null);
  });
  test('of more than 31 bits is none', () => {
    assert.equal(lifetime(anAnswer(query, [a(0xffffffff)])), 0);
  });
});

test('a message grows old by the lifetimes of all its records, but not of OPT', () => {
  const message = anAnswer(query, [a(60), a(20)]);
  const old = decode(aged(message, layoutFor(message), 25));
  assert.deepEqual(
    old.answers?.map((record) => 'ttl' in record && record.ttl),
    [35, 0],
  );
});

test('a message is cut between records, and its counts are right', () => {
  const message = anAnswer(
    query,
    Array.from({ length: 50 }, (_, i) => a(60, `10.0.0.${i}`)),
  );
  for (const limit of [27, 28, 60, 200, 512, message.length - 1]) {
    const cut = truncate(message, layoutFor(message), limit);
    assert.ok(cut.length <= limit);
    assert.equal(decode(cut).flag_tc, true);
    assert.equal(recordsOf(cut).length, Math.floor((limit - 27) / 25));
  }
  assert.equal(truncate(message, layoutFor(message), message.length), message);
});

describe('kept answers', () => {
  const keep = (cache: AnswerCache, name: string, ttl: number, nowMs = 0) => {
    const asked = aQuery(name);
    const message = anAnswer(asked, [{ type: 'A', name, ttl, data: '10.0.0.1' }]);
    cache.put(parsed(asked), { message, layout: layoutFor(message) }, nowMs);
  };
  test('are given for as long as they live, with what is left of it', () => {
    const cache = new AnswerCache();
    keep(cache, 'a.example', 60, 1000);
    const again = cache.get(parsed(aQuery('A.Example')), 11_500);
    const [record] = decode(again ?? Buffer.alloc(12)).answers ?? [];
    assert.equal(record !== undefined && 'ttl' in record && record.ttl, 50);
    assert.equal(cache.get(parsed(query), 61_000), null);
    assert.equal(cache.size, 0);
  });
  test('are told apart by type, EDNS and options', () => {
    const cache = new AnswerCache();
    keep(cache, 'a.example', 60);
    assert.equal(cache.get(parsed(aQuery('a.example', 'AAAA')), 1), null);
    assert.equal(cache.get(parsed(aQuery('a.example', 'A', { edns: 1232 })), 1), null);
    assert.notEqual(cache.get(parsed(query), 1), null);
  });
  test('are bounded: what was not used for longest goes first', () => {
    const cache = new AnswerCache(3);
    for (const name of ['a', 'b', 'c']) keep(cache, name, 60);
    assert.notEqual(cache.get(parsed(aQuery('a')), 1), null);
    keep(cache, 'd', 60);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => cache.get(parsed(aQuery(name)), 1) !== null),
      [true, false, true, true],
    );
  });
  test('with a lifetime of none are not kept', () => {
    const cache = new AnswerCache();
    keep(cache, 'a.example', 0);
    assert.equal(cache.size, 0);
  });
});
