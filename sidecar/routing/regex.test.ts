import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Problem } from '#shared/runtime/result.ts';
import { compileFullMatch, compileReplace } from './regex.ts';

function compile(pattern: string): { matches: (value: string) => boolean; problems: Problem[] } {
  const problems: Problem[] = [];
  return { matches: compileFullMatch(pattern, { path: 'p', problems }), problems };
}

const cases: [pattern: string, matching: string[], others: string[]][] = [
  ['abc', ['abc'], ['abcd', 'xabc', '']],
  ['abc.*', ['abc', 'abcd'], ['xabc']],
  ['.*abc', ['abc', 'xabc'], ['abcd']],
  ['.*/ns/default/.*', ['spiffe://td/ns/default/sa/x'], ['spiffe://td/ns/other/sa/x']],
  ['.*', ['', 'x'], []],
  ['a|b', ['a', 'b'], ['ab', 'xb']],
  ['v[0-9]', ['v1'], ['v12', 'v']],
  [
    String.raw`https?://(a|b)\.example`,
    ['http://a.example', 'https://b.example'],
    ['https://b.example.evil', 'http://aXexample'],
  ],
  ['(?i)AbC', ['abc', 'ABC'], ['abd']],
  ['a(?i)b|c', ['aB', 'ab', 'C', 'c'], ['Ab']],
  ['a(?i:b)c', ['aBc'], ['aBC']],
  ['((?i)a)b', ['Ab'], ['AB']],
  ['(?-i)a', ['a'], ['A']],
  [String.raw`\Aabc\z`, ['abc'], ['abcd']],
  ['[[:alpha:]]+[[:digit:]_]', ['ab1', 'a_'], ['1', 'a']],
  ['[[:^alpha:]]', ['1'], ['a']],
  [String.raw`[^\d.-]`, ['a'], ['1', '.', '-']],
  [String.raw`[\w-]+@\S+`, ['a-b@c'], ['a b@c', 'a@ ']],
  ['[]a]', [']', 'a'], ['b']],
  ['[a-]', ['a', '-'], ['b']],
  ['[a&&b]', ['&', 'a', 'b'], ['c']],
  ['(?P<year>[0-9]{4})-(?<m>[0-9]{2})', ['2026-11'], ['26-11']],
  [String.raw`\Qa.b*\E+`, ['a.b*', 'a.b**'], ['aXb*']],
  [String.raw`\x41\x{42}\103\t?`, ['ABC', 'ABC\t'], ['AB']],
  [String.raw`\p{Lu}\PL`, ['A1'], ['a1', 'AB']],
  [String.raw`\pN|\p{^N}\p{Latin}`, ['7', '-a'], ['a', '7a']],
  ['caf\u00e9+|\u20ac', ['caf\u00c3\u00a9', 'caf\u00c3\u00a9\u00c3\u00a9', '\u00e2\u0082\u00ac'], ['caf\u00e9']],
  ['a{2}b{1,}c{0,1}', ['aab', 'aabbc'], ['ab', 'aabcc']],
  ['a{,2}', ['a{,2}'], ['aa']],
  ['{x}', ['{x}'], ['x']],
  ['a+?b*?', ['aab'], ['b']],
  [String.raw`\/path\/[^\/]+\-x`, ['/path/a-x'], ['/path/a/b-x']],
];
for (const [pattern, matching, others] of cases) {
  test(`${pattern} matches what it matches in RE2`, () => {
    const { matches, problems } = compile(pattern);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      matching.filter((value) => !matches(value)),
      [],
    );
    assert.deepEqual(others.filter(matches), []);
  });
}

const refused: [pattern: string, message: RegExp][] = [
  ['a(?=b)', /look-around/],
  ['(?<!a)b', /look-around/],
  [String.raw`(a)\1`, /backreferences/],
  [String.raw`\G`, /the escape \\G/],
  ['(', /not closed/],
  ['a)', /was not opened/],
  ['[a', /class is not closed/],
  ['[[:foo:]]', /\[:foo:\] is not known/],
  ['[b-a]', /range b-a is empty/],
  ['(?U)a', /the flag U/],
  ['a{1001}', /more than 1000/],
  ['*a', /refused/],
  ['a**', /refused/],
  [String.raw`\p{Klingon}`, /refused/],
  ['a\\', /backslash/],
  ['[a\u00e9]', /values are octets/],
  ['a)|(b', /was not opened/],
];
for (const [pattern, message] of refused) {
  test(`${pattern} is refused`, () => {
    const { matches, problems } = compile(pattern);
    assert.equal(problems[0]?.path, 'p');
    assert.match(problems[0].message, message);
    assert.equal(matches('a'), false);
  });
}

test('a pattern that may take exponential time neither matches nor fails to match a long value', () => {
  const { matches } = compile('(a+)+b');
  assert(matches('aab'));
  assert.throws(() => matches('a'.repeat(2000)), { code: 'resource_exhausted' });
  assert(!compile('[^/]+/a+').matches('a'.repeat(50_000)));
});

test('a substitution that names a group which is not there is refused', () => {
  const problems: Problem[] = [];
  compileReplace({ pattern: '(a)', substitution: String.raw`\1\2` }, { path: 'r', problems });
  assert.deepEqual(problems, [
    { path: 'r.substitution', message: String.raw`\2 names no group of the pattern`, severity: 'error' },
  ]);
});

test('a substitution may be followed by digits', () => {
  const replace = compileReplace({ pattern: '(a)', substitution: String.raw`\11\\` }, { path: '', problems: [] });
  assert.equal(replace('a'), 'a1\\');
});
