import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { judgeReview, kubernetesTokenAttestor, type TokenReviewStatus } from './kubernetes-token.ts';

const token = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.c2ln`;
const aStatus = (more: object = {}): TokenReviewStatus => ({
  authenticated: true,
  audiences: ['istio-ca'],
  user: { username: 'system:serviceaccount:shop:cart', extra: { 'authentication.kubernetes.io/pod-name': ['cart-1'] } },
  ...more,
});
const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };

function anAttestor(answer: () => Promise<TokenReviewStatus>) {
  const clock = new FakeClock();
  const reviewed: string[] = [];
  const attestor = kubernetesTokenAttestor({
    review: (reviewedToken) => {
      reviewed.push(reviewedToken);
      return answer();
    },
    trustDomain: 'cluster.local',
    clock,
  });
  const attest = (authorization: string | null = `Bearer ${token}`) =>
    attestor.attest({ authorization, peerCertificate: null });
  return { attest, clock, reviewed };
}

test('an account is who its token says, with its pod where the token is bound to one', () => {
  const judged = (status: TokenReviewStatus) => {
    const result = judgeReview(status, 'cluster.local');
    return result.ok ? result.value : result.problems.map(({ code, message }) => `${code} ${message}`);
  };
  assert.deepEqual(judged(aStatus()), { identity, pod: 'cart-1' });
  assert.deepEqual(judged(aStatus({ user: { username: 'system:serviceaccount:shop:cart' } })), { identity, pod: null });
  for (const [status, wanted] of [
    [aStatus({ authenticated: false, error: 'token has expired' }), 'token_unknown token has expired'],
    [{}, 'token_unknown the API server does not know it'],
    [aStatus({ audiences: ['https://kubernetes.default.svc'] }), 'token_audience is not for the audience istio-ca'],
    [aStatus({ audiences: undefined }), 'token_audience is not for the audience istio-ca'],
    [aStatus({ user: { username: 'admin' } }), 'token_account admin is no service account'],
    [aStatus({ user: { username: 'system:node:a' } }), 'token_account system:node:a is no service account'],
  ] as const)
    assert.deepEqual(judged(status), [wanted]);
});

test('a token is asked about once in half a minute, a refused one again after three seconds', async () => {
  let status = aStatus();
  const { attest, clock, reviewed } = anAttestor(async () => status);
  assert.deepEqual(await Promise.all([attest(), attest()]), [
    { kind: 'attested', identity, pod: 'cart-1' },
    { kind: 'attested', identity, pod: 'cart-1' },
  ]);
  assert.deepEqual(reviewed, [token]);
  status = aStatus({ authenticated: false, error: 'pod is gone' });
  clock.advance(29_999);
  assert.equal((await attest()).kind, 'attested');
  clock.advance(1);
  assert.equal((await attest()).kind, 'refused');
  clock.advance(2999);
  await attest();
  assert.equal(reviewed.length, 2);
  clock.advance(1);
  await attest();
  assert.equal(reviewed.length, 3);
});

test('an API server that gives no answer refuses nobody, and is asked again', async () => {
  const { attest, reviewed } = anAttestor(() => Promise.reject(new MeshError('unavailable', 'down')));
  await assert.rejects(attest(), { code: 'unavailable' });
  await assert.rejects(attest(), { code: 'unavailable' });
  assert.equal(reviewed.length, 2);
});

test('leaves join tokens and what is no token to others', async () => {
  const { attest, reviewed } = anAttestor(async () => aStatus());
  const join = `${Buffer.from('{"alg":"HS256","typ":"tulle-join+jwt"}').toString('base64url')}.e30.c2ln`;
  for (const authorization of [null, 'Basic abc', 'Bearer abc', `Bearer ${join}`, `Bearer a.b.${'c'.repeat(17_000)}`])
    assert.deepEqual(await attest(authorization), { kind: 'absent' });
  assert.deepEqual(reviewed, []);
});
