import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCounts } from './counts.ts';

const output = `==7== Cachegrind, a cache and branch-prediction profiler
==7== I   refs:      7,784,508,845
==7== I1  misses:      204,999,053
==7== LLi misses:        6,528,590
==7== I1  miss rate:          2.63%
==7== LLi miss rate:          0.08%
==7==
==7== D   refs:      3,268,798,208  (2,225,314,024 rd   + 1,043,484,184 wr)
==7== D1  misses:      126,064,528  (  109,707,311 rd   +    16,357,217 wr)
==7== LLd misses:       17,543,333  (    9,256,199 rd   +     8,287,134 wr)
==7== LL refs:         331,063,581  (  314,706,364 rd   +    16,357,217 wr)
`;

test("cachegrind's sums are read", () => {
  assert.deepEqual(parseCounts(output), {
    instructions: 7_784_508_845,
    codeMisses: 204_999_053,
    farCodeMisses: 6_528_590,
    dataAccesses: 3_268_798_208,
    dataMisses: 126_064_528,
    farDataMisses: 17_543_333,
  });
});

test('a run that ended before its sums is an error with what it said', () => {
  assert.throws(() => parseCounts('==7== Process terminating'), /told no "I \+refs":\n==7== Process terminating/);
});
