import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '#shared/runtime/result.ts';
import { compileCidr } from './cidr.ts';

const cases: [cidr: string, inside: string[], outside: string[]][] = [
  ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['11.0.0.0', '9.255.255.255', '::1', '', '10.0.0']],
  ['10.0.0.1', ['10.0.0.1'], ['10.0.0.2', '10.0.0.256', '10.0.0.1.1', 'x']],
  ['192.168.128.0/17', ['192.168.128.1', '192.168.255.1'], ['192.168.127.255']],
  ['0.0.0.0/0', ['1.2.3.4', '255.255.255.255'], ['::1']],
  ['255.255.255.255/32', ['255.255.255.255'], ['255.255.255.254']],
  ['2001:db8::/32', ['2001:db8::1', '2001:0db8:ffff::'], ['2001:db9::', '10.0.0.1', ':']],
  ['::1', ['::1'], ['::2']],
];
for (const [cidr, inside, outside] of cases) {
  test(`${cidr} contains what lies in it`, () => {
    const problems: Problem[] = [];
    const contains = compileCidr(cidr, { path: '', problems });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      inside.filter((address) => !contains(address)),
      [],
    );
    assert.deepEqual(outside.filter(contains), []);
  });
}

for (const cidr of ['10.0.0.0/33', 'host/8', '', '10.0.0.0/x', '::1/129', '10.0.0.0/-1']) {
  test(`"${cidr}" is no range and contains nothing`, () => {
    const problems: Problem[] = [];
    const contains = compileCidr(cidr, { path: 'p', problems });
    assert.equal(problems[0]?.message, `${cidr} is not an address range`);
    assert(!contains('10.0.0.0'));
  });
}
