import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { aRoot } from '../../test/support/certificates.ts';
import { redactObject, redactText } from './redact.ts';
import { tarOf } from './tar.ts';

const root = aRoot();
const token = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(40)}.${'c'.repeat(30)}`;

for (const [what, text, kept] of [
  ['a private key', `before\n${root.keyPem}after`, /before[\s\S]*PRIVATE KEY-----\[redacted\][\s\S]*after/],
  ['a private key that is cut off', root.keyPem.slice(0, 120), /\[redacted\]/],
  ['a token of an account', `{"token": "${token}"}`, /\[redacted\]/],
  ['a header', 'authorization: Bearer abcdef0123456789', /Bearer \[redacted\]/],
  ['a password in a line of a log', 'connect password=hunter2hunter2 done', /password=\[redacted\] done/],
  ['a password in a URL', 'postgres://shop:hunter2hunter2@db:5432/shop', /postgres:\/\/\[redacted\]@db:5432\/shop/],
] as const) {
  test(`${what} is taken out of a text`, () => {
    const left = redactText(text);
    assert.match(left, kept);
    const secret = root.keyPem.split('\n')[1]!.slice(0, 40);
    for (const gone of [secret, token, 'abcdef0123456789', 'hunter2']) assert.ok(!left.includes(gone), left);
  });
}

test('certificates and other texts stay', () => {
  assert.equal(redactText(root.pem), root.pem);
  assert.equal(redactText('503 UC via upstream'), '503 UC via upstream');
});

test('an object loses its secrets and keeps its form', () => {
  const redacted = redactObject({
    kind: 'List',
    items: [
      { kind: 'Secret', metadata: { name: 'tulle-ca' }, data: { 'ca-key.pem': 'AAAA' } },
      {
        kind: 'Pod',
        spec: {
          automountServiceAccountToken: false,
          containers: [
            {
              env: [
                { name: 'DB_PASSWORD', value: 'x' },
                { name: 'PORT', value: '80' },
              ],
            },
          ],
          volumes: [{ secret: { secretName: 'shop-tls' } }],
        },
      },
      { clientSecret: 'x', tokenPath: '/var/run/token' },
    ],
  });
  assert.deepEqual(redacted, {
    kind: 'List',
    items: [
      { kind: 'Secret', metadata: { name: 'tulle-ca' }, data: { 'ca-key.pem': '[redacted]' } },
      {
        kind: 'Pod',
        spec: {
          automountServiceAccountToken: false,
          containers: [
            {
              env: [
                { name: 'DB_PASSWORD', value: '[redacted]' },
                { name: 'PORT', value: '80' },
              ],
            },
          ],
          volumes: [{ secret: { secretName: 'shop-tls' } }],
        },
      },
      { clientSecret: '[redacted]', tokenPath: '/var/run/token' },
    ],
  });
});

test('an archive is read by tar, long paths and empty files too', () => {
  const long = `${'folder/'.repeat(20)}file.txt`;
  const files = [
    { path: 'a.txt', content: 'größer\n' },
    { path: 'empty.txt', content: '' },
    { path: long, content: 'x'.repeat(1500) },
  ];
  const archive = tarOf(files, Date.UTC(2026, 0, 2));
  assert.equal(archive.length % 512, 0);
  const list = execFileSync('tar', ['tvf', '-'], { input: archive, encoding: 'utf8', env: { TZ: 'UTC' } });
  assert.match(list, /2026-01-02 00:00 a\.txt/);
  assert.ok(list.includes(long) && list.includes(' 0 2026-01-02 00:00 empty.txt'));
  const read = execFileSync('tar', ['xOf', '-', 'a.txt'], { input: archive, encoding: 'utf8' });
  assert.equal(read, 'größer\n');
  assert.throws(() => tarOf([{ path: 'x'.repeat(300), content: '' }], 0), /too long/);
});
