import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeMessage, encodeMessage, readTypedJson } from '#shared/xds/codec.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { dumpedResources } from '../dumps.fixture.ts';
import { decodeResource } from '../resource-types.ts';

describe('every resource of the recorded dumps decodes', () => {
  const resources = dumpedResources();

  test('they are many, of each type', () => {
    const types = Object.groupBy(resources, ({ type }) => type);
    assert.deepEqual(Object.keys(types).sort(), ['cluster', 'endpoints', 'listener', 'routes']);
    assert.ok(resources.length > 150, String(resources.length));
  });

  for (const { dump, type, typeUrl, json } of resources) {
    const name = String(json['name'] ?? json['cluster_name']);
    test(`${dump}: ${type} ${name}`, () => {
      const typed = readTypedJson(json, typeUrl, '');
      assert.ok(typed.ok, typed.ok ? '' : formatProblems(typed.problems));
      // As it comes from the wire.
      const message = decodeMessage(typeUrl, encodeMessage(typed.value));
      const result = decodeResource(type, message);
      assert.ok(result.ok, result.ok ? '' : formatProblems(result.problems));
      // Worker threads get it posted.
      assert.deepEqual(structuredClone(result.value), result.value);
    });
  }
});
