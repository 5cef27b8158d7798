import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { faultOfRe2 } from './re2-syntax.ts';

test('takes what RE2 takes', () => {
  const right = [
    '',
    '.*',
    '/api/v[0-9]+/.*?',
    '(?i)jason|(?:a|b)+',
    '(?P<year>\\d{4})-(?<month>\\d\\d)',
    '[[:alpha:]_][^]]*',
    '[a-z&&[x]',
    '\\pN\\p{Greek}\\P{Lu}\\p{^Lu}',
    '\\x41\\x{10FFFF}\\0\\12\\Qa*b(\\E',
    'a{2}b{2,}c{2,3}d{,5}{x}'.replace('{x}', ''),
    '^(a|)$',
    '(?i:x)(?s-m:y)\\bz\\B\\A\\z',
    'x{',
    '[\\w-]',
    '[-a]',
    '[\\d\\-\\]]',
    '\\.\\/\\-\\"',
  ];
  for (const pattern of right) assert.equal(faultOfRe2(pattern), null, pattern);
});

test('refuses what RE2 lacks or nobody takes', () => {
  const wrong = [
    'a(?=b)',
    'a(?!b)',
    '(?<=a)b',
    '(?<!a)b',
    '(?>a)',
    '(a)\\1',
    '(?P<x>a)\\k<x>',
    '(?P=x)',
    '*',
    '+a',
    '(*a)',
    'a**',
    'a*??',
    'a++',
    'a{1001}',
    'a{3,2}',
    '(',
    'a)',
    '[a',
    '[z-a]',
    '[[:nope:]]',
    '\\',
    '\\y',
    '\\x4',
    '\\p{Nope}',
    '(?P<a b>x)',
    '(?P<x>a)(?P<x>b)',
    '(?#x)',
    '(?x)a',
    '[a\\',
    '|*',
  ];
  for (const pattern of wrong) assert.notEqual(faultOfRe2(pattern), null, pattern);
});

test('never throws', () => {
  const alphabet = fc.constantFrom(...'\\[](){}?*+|^$.-:=!<>PpQEx1{}a,😀'.split(''), '(?', '[[:');
  fc.assert(
    fc.property(
      fc.array(alphabet).map((parts) => parts.join('')),
      (text) => void faultOfRe2(text),
    ),
  );
});
