/** Whatever comes as a resource: it is taken, or refused with problems that have a text. Nothing else is ever thrown. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Result } from '#shared/runtime/result.ts';
import { decodeMessage, encodeMessage, readTypedJson } from '#shared/xds/codec.ts';
import { aPackedMessage } from '#shared/xds/packed.fixture.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { emptySnapshot } from '../../sidecar/snapshot/snapshot.ts';
import { dumpedResources } from '../../sidecar/xds/dumps.fixture.ts';
import { decodeResource, sidecarTypes, type Decoded, type SidecarType } from '../../sidecar/xds/resource-types.ts';
import { initialXdsState, stepXds } from '../../sidecar/xds/session.ts';
import { warmSnapshot } from '../../sidecar/xds/warming.ts';
import { byteChanges, changes, mutate, mutateBytes } from './mutations.fixture.ts';

const resources = dumpedResources();
const aResource = fc.constantFrom(...resources);
const encoded = new Map(
  resources.map((resource) => {
    const typed = readTypedJson(resource.json, resource.typeUrl, '');
    assert.ok(typed.ok);
    return [resource, encodeMessage(typed.value)] as const;
  }),
);

function isNamed(result: Result<unknown>): void {
  if (result.ok) return;
  assert.ok(result.problems.length > 0);
  for (const { message, path } of result.problems) assert.ok(message.length > 0, path);
}

/** What the session would do with it. */
function take(type: SidecarType, message: TypedMessage): Result<Decoded> {
  const result = decodeResource(type, message);
  isNamed(result);
  const [connected] = stepXds(initialXdsState, { kind: 'connected' });
  const received = [{ name: 'r', version: '1', message: aPackedMessage(message) }];
  const [state, effects] = stepXds(connected, { kind: 'response', type, nonce: 'n', resources: received, removed: [] });
  // Endpoints and routes that nobody refers to are not kept.
  if (type === 'cluster' || type === 'listener') assert.equal(state.held[type].has('r'), result.ok);
  const [answer] = effects.filter((effect) => effect.kind === 'request');
  assert.equal(answer?.error === null, result.ok);
  warmSnapshot(state, emptySnapshot);
  return result;
}

describe('resources', () => {
  test('as changed JSON', () => {
    fc.assert(
      fc.property(aResource, changes, ({ type, typeUrl, json }, list) => {
        const typed = readTypedJson(mutate(json, list), typeUrl, '');
        isNamed(typed);
        if (!typed.ok) return;
        const message = decodeMessage(typeUrl, encodeMessage(typed.value));
        assert.equal(take(type, message).ok, take(type, typed.value).ok);
      }),
      { numRuns: 300 },
    );
  });

  test('as changed bytes', () => {
    fc.assert(
      fc.property(aResource, byteChanges, (resource, list) => {
        let message: TypedMessage;
        try {
          message = decodeMessage(resource.typeUrl, mutateBytes(encoded.get(resource) ?? Buffer.alloc(0), list));
        } catch (error) {
          assert.ok(isMeshError(error, 'protocol'), String(error));
          return;
        }
        take(resource.type, message);
      }),
      { numRuns: 400 },
    );
  });

  test('as any bytes of any type', () => {
    const url = fc.oneof(fc.constantFrom(...Object.values(typeUrls)), fc.string());
    fc.assert(
      fc.property(fc.constantFrom(...sidecarTypes), url, fc.uint8Array({ maxLength: 200 }), (type, typeUrl, bytes) => {
        try {
          take(type, decodeMessage(typeUrl, bytes));
        } catch (error) {
          assert.ok(isMeshError(error, 'protocol'), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('as any JSON of their type, not even read by its proto', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sidecarTypes), fc.dictionary(fc.string(), fc.jsonValue()), (type, fields) => {
        isNamed(decodeResource(type, { ...fields, '@type': typeUrls[type] }));
      }),
      { numRuns: 300 },
    );
  });

  test('nested without end', () => {
    let rule: object = { any: true };
    for (let depth = 0; depth < 5000; depth++) rule = { not_rule: rule };
    const rbac = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC';
    const rules = { policies: { p: { permissions: [rule], principals: [{ any: true }] } } };
    const filters = [{ name: 'rbac', typed_config: { '@type': rbac, rules } }];
    const typed = readTypedJson({ name: 'l', filter_chains: [{ filters }] }, typeUrls.listener, '');
    assert.match(typed.ok ? '' : (typed.problems[0]?.message ?? ''), /nested deeper than/);
    // The same as bytes: each level is a length-delimited `not_rule`, field 6.
    let bytes = Buffer.from([0x18, 0x01]);
    const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
    for (let depth = 0; depth < 5000; depth++)
      bytes = Buffer.concat([Buffer.from([0x42, ...varint(bytes.length)]), bytes]);
    assert.throws(
      () => decodeMessage('type.googleapis.com/envoy.config.rbac.v3.Permission', bytes),
      (error) => isMeshError(error, 'protocol'),
    );
  });
});
