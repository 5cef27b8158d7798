import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { handleOf, loadStreamWrap, testedNodeVersion } from './stream-handle.ts';

describe("Node's private stream interface", () => {
  it('is tested with the version that the dependencies pin', () => {
    const { optionalDependencies } = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as { optionalDependencies: Record<string, string> };
    for (const [name, version] of Object.entries(optionalDependencies))
      assert.equal(`v${version}`, testedNodeVersion, name);
  });

  it('is not used where the version or its shape is another one', () => {
    assert.equal(loadStreamWrap({ version: 'v26.99.0' }), `Node is v26.99.0, tested was ${testedNodeVersion}`);
    assert.equal(loadStreamWrap({ version: testedNodeVersion }), 'process.binding is gone');
    for (const found of [null, {}, { streamBaseState: new Int32Array(5), kReadBytesOrError: 0 }]) {
      const node = { version: testedNodeVersion, binding: () => found };
      assert.equal(loadStreamWrap(node), 'stream_wrap has another shape');
    }
    assert.equal(loadStreamWrap(), null);
  });

  it('has no handle for a closed socket or one of another shape', () => {
    assert.equal(handleOf(new Socket()), null);
    const odd = Object.assign(new Socket(), { _handle: { readStart: () => 0 } });
    assert.equal(handleOf(odd), null);
  });
});
