import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allow,
  encodeAdmissionReview,
  parseAdmissionReview,
  patchWith,
  refuse,
  type AdmissionReview,
} from './admission-review.ts';

const aRequest = (more: object = {}) => ({
  uid: 'u1',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  namespace: 'shop',
  operation: 'CREATE',
  userInfo: { username: 'admin', groups: ['system:masters', 7] },
  object: { kind: 'Pod' },
  oldObject: null,
  ...more,
});
const aBody = (more: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: aRequest(),
  ...more,
});

function parsed(body: unknown = aBody()): AdmissionReview {
  const result = parseAdmissionReview(body);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test('reads a review of both versions, what is absent as nothing', () => {
  for (const apiVersion of ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']) {
    assert.deepEqual(parsed(aBody({ apiVersion })), {
      apiVersion,
      kind: 'AdmissionReview',
      request: {
        ...aRequest(),
        name: '',
        subResource: '',
        dryRun: false,
        userInfo: { username: 'admin', groups: ['system:masters'] },
      },
    });
  }
  assert.equal(parsed(aBody({ request: aRequest({ dryRun: true }) })).request.dryRun, true);
});

test('tells everything that is wrong with a review at once', () => {
  const wrong = (body: unknown) => {
    const result = parseAdmissionReview(body);
    return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
  };
  assert.deepEqual(wrong([]), [': is no AdmissionReview: it must be an object']);
  assert.deepEqual(wrong({ apiVersion: 'v2', kind: 'Review' }), [
    'kind: "Review" is not AdmissionReview',
    'apiVersion: "v2" is not one of admission.k8s.io/v1, admission.k8s.io/v1beta1',
    'request: is required, must be an object',
  ]);
  assert.deepEqual(wrong(aBody({ request: { operation: 'PATCH' } })), [
    'request.uid: is required, must be a string',
    'request.operation: "PATCH" is not one of CREATE, UPDATE, DELETE, CONNECT',
    'request.kind.kind: is required, must be a string',
  ]);
});

test('answers carry the uid of the request and not the request', () => {
  const answer = (review: AdmissionReview) => JSON.parse(encodeAdmissionReview(review)) as unknown;
  const about = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
  assert.deepEqual(answer(allow(parsed())), { ...about, response: { uid: 'u1', allowed: true } });
  assert.deepEqual(answer(allow(parsed(), ['look'])), {
    ...about,
    response: { uid: 'u1', allowed: true, warnings: ['look'] },
  });
  assert.deepEqual(answer(refuse(parsed(), 'spec.hosts: is required')), {
    ...about,
    response: {
      uid: 'u1',
      allowed: false,
      status: { code: 400, message: 'spec.hosts: is required', reason: 'BadRequest' },
    },
  });
});

test('a patch is base64 of JSON; an empty one is none', () => {
  const patch = [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }] as const;
  const { response } = patchWith(parsed(), patch);
  assert.equal(response?.patchType, 'JSONPatch');
  assert.deepEqual(JSON.parse(Buffer.from(response?.patch ?? '', 'base64').toString()), patch);
  assert.deepEqual(patchWith(parsed(), []).response, { uid: 'u1', allowed: true });
});
