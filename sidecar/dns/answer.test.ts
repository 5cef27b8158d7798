import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decode, type RecordType } from 'dns-packet';
import { seededRandom } from '#shared/runtime/random.ts';
import { decide } from './answer.ts';
import { aQuery, aTable, parsed, recordsOf, tell } from './dns.fixture.ts';
import { Names } from './names.ts';
import { parseQuery } from './query.ts';

const many = Array.from({ length: 100 }, (_, i) => `10.1.0.${i}`);
const names = new Names(
  aTable({
    'orders.shop.svc.cluster.local': ['10.0.0.1', 'fd00::1'],
    'v4.example': ['10.0.0.4'],
    '*.wild.example': ['10.0.0.5'],
    'many.example': many,
    'few.example': ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  }),
  { namespace: 'shop', domain: 'svc.cluster.local', search: 'shop.svc.cluster.local' },
);

function answerTo(query: Buffer, transport: 'udp' | 'tcp' = 'udp', random = () => 0): Buffer {
  const decision = decide(parsed(query), names, transport, random);
  assert.ok(decision.kind === 'answer');
  return decision.message;
}
const said = (name: string, type: RecordType = 'A') => tell(answerTo(aQuery(name, type)));

describe('answers of the mesh', () => {
  test('are addresses of the family that was asked for, with authority', () => {
    assert.equal(said('orders.shop'), 'NOERROR, aa, orders.shop A 10.0.0.1');
    assert.equal(said('orders.shop', 'AAAA'), 'NOERROR, aa, orders.shop AAAA fd00::1');
    assert.equal(said('a.wild.example'), 'NOERROR, aa, a.wild.example A 10.0.0.5');
  });

  test('have no data, and no error, for a family that the host does not have', () => {
    assert.equal(said('v4.example', 'AAAA'), 'NOERROR, aa');
    assert.equal(said('v4.example.shop.svc.cluster.local', 'AAAA'), 'NOERROR, aa');
  });

  test('have the alias and what it stands for', () => {
    const records = ['x.example.shop.svc.cluster.local', 'v4.example.shop.svc.cluster.local'].map((name) => {
      const decision = decide(parsed(aQuery(name)), names, 'udp', () => 0);
      return decision.kind === 'answer' ? recordsOf(decision.message) : decision.kind;
    });
    const alias = 'v4.example.shop.svc.cluster.local CNAME v4.example';
    assert.deepEqual(records, ['forward', [alias, 'v4.example A 10.0.0.4']]);
  });

  test('repeat the question as it was written, and live for 30 s', () => {
    const packet = decode(answerTo(aQuery('V4.exAMPle', 'A', { id: 4711 })));
    assert.equal(packet.id, 4711);
    assert.equal(packet.questions?.[0]?.name, 'V4.exAMPle');
    const [record] = packet.answers ?? [];
    assert.deepEqual([record?.name, record !== undefined && 'ttl' in record && record.ttl], ['V4.exAMPle', 30]);
    assert.deepEqual([packet.flag_rd, packet.flag_ra, packet.flag_qr], [true, true, true]);
  });

  test('come in every order', () => {
    const random = seededRandom(1);
    const orders = Array.from({ length: 200 }, () => recordsOf(answerTo(aQuery('few.example'), 'udp', random)).join());
    assert.equal(new Set(orders).size, 6);
  });

  test('are cut where a UDP message ends, and whole over TCP', () => {
    const plain = answerTo(aQuery('many.example'));
    assert.ok(plain.length <= 512 && plain.length > 480, String(plain.length));
    assert.equal(decode(plain).flag_tc, true);
    // Pointers in place of names: 16 octets a record.
    assert.equal(recordsOf(plain).length, 30);
    const larger = answerTo(aQuery('many.example', 'A', { edns: 1232 }));
    assert.ok(larger.length <= 1232 && larger.length > 1200, String(larger.length));
    assert.equal(decode(larger).additionals?.[0]?.type, 'OPT');
    for (const whole of [
      answerTo(aQuery('many.example'), 'tcp'),
      answerTo(aQuery('many.example', 'A', { edns: 4096 })),
    ]) {
      assert.equal(decode(whole).flag_tc, false);
      assert.equal(recordsOf(whole).length, 100);
    }
    assert.equal(answerTo(aQuery('many.example', 'A', { edns: 10 })).length <= 512, true);
  });

  test('leave other types and other names to others', () => {
    assert.deepEqual(
      decide(parsed(aQuery('orders.shop', 'TXT')), names, 'udp', () => 0),
      {
        kind: 'forward',
        isKnown: true,
      },
    );
    assert.deepEqual(
      decide(parsed(aQuery('example.org')), names, 'udp', () => 0),
      { kind: 'forward', isKnown: false },
    );
    const chaos = aQuery('orders.shop');
    chaos.writeUInt16BE(3, chaos.length - 2);
    assert.equal(decide(parsed(chaos), names, 'udp', () => 0).kind, 'forward');
  });
});

describe('messages that are no query', () => {
  const refused = (message: Buffer): string => {
    const result = parseQuery(message);
    return result.kind === 'refuse' ? tell(result.answer) : result.kind;
  };
  const changed = (change: (message: Buffer) => void): Buffer => {
    const message = aQuery('orders.shop');
    change(message);
    return message;
  };
  test('responses and fragments are not answered', () => {
    assert.equal(refused(changed((m) => m.writeUInt16BE(0x8180, 2))), 'drop');
    assert.equal(refused(aQuery('orders.shop').subarray(0, 11)), 'drop');
    assert.equal(refused(Buffer.alloc(0)), 'drop');
  });
  test('no question, two questions and questions without end are format errors', () => {
    assert.equal(refused(changed((m) => m.writeUInt16BE(0, 4))), 'FORMERR');
    assert.equal(refused(changed((m) => m.writeUInt16BE(2, 4))), 'FORMERR');
    assert.equal(refused(aQuery('orders.shop').subarray(0, 20)), 'FORMERR');
    assert.equal(refused(changed((m) => m.writeUInt16BE(9, 6))), 'FORMERR', 'announces answers that are not there');
    assert.equal(refused(changed((m) => m.writeUInt8(0x80, 12))), 'FORMERR', 'a label of a kind that does not exist');
  });
  test('other operations are not implemented', () => {
    assert.equal(refused(changed((m) => m.writeUInt16BE(0x2800, 2))), 'NOTIMP');
  });
  test('another version of EDNS is refused as such', () => {
    const message = aQuery('orders.shop', 'A', { edns: 1232 });
    message.writeUInt8(1, message.length - 5);
    const result = parseQuery(message);
    assert.ok(result.kind === 'refuse');
    const [opt] = decode(result.answer).additionals ?? [];
    assert.equal(opt?.type === 'OPT' && opt.extendedRcode, 1);
  });
  test('a name that is no text is none of the mesh, and one with a pointer is none at all', () => {
    const dotted = changed((m) => m.write('.', 15));
    assert.equal(parsed(dotted).name, null);
    const pointer = Buffer.concat([aQuery('x').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    assert.equal(refused(pointer), 'FORMERR', 'points to itself');
  });
});
