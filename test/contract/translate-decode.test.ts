/** What the control plane translates, the sidecar takes: every golden case, over the wire form. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatProblems } from '#shared/runtime/result.ts';
import { decodeMessage, encodeMessage } from '#shared/xds/codec.ts';
import { readCase } from '../../control-plane/translate/test-support.ts';
import { indexMesh, translate } from '../../control-plane/translate/translate.ts';
import { decodeResource, sidecarTypeOf } from '../../sidecar/xds/resource-types.ts';

const folder = new URL('../../control-plane/translate/testdata/in/', import.meta.url);

for (const file of readdirSync(folder).toSorted()) {
  for (const compat of ['istio', 'tulle'] as const) {
    test(`${file.replace(/\.yaml$/, '').replaceAll('-', ' ')}, under the defaults of ${compat}`, () => {
      const { resources, node } = readCase(readFileSync(new URL(file, folder), 'utf8'));
      const translated = translate(indexMesh(resources), { ...node, compat });
      let decoded = 0;
      for (const [typeUrl, messages] of translated) {
        const type = sidecarTypeOf(typeUrl);
        if (type === null) continue;
        for (const [name, message] of messages) {
          const result = decodeResource(type, decodeMessage(typeUrl, encodeMessage(message)));
          assert.ok(result.ok, result.ok ? '' : `${type} ${name}: ${formatProblems(result.problems)}`);
          decoded++;
        }
      }
      assert.ok(decoded > 0);
    });
  }
}
