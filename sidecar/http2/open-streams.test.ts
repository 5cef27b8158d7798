import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ReceiveWindow } from './flow-control.ts';
import { OpenStreams } from './open-streams.ts';
import { Http2Stream } from './stream.ts';

function streamOf(id: number): Http2Stream {
  return new Http2Stream(id, 0, new ReceiveWindow(0, 0, 0), 0);
}

test('holds what a Map would, whatever is opened and closed in which order', () => {
  const steps = fc.array(fc.record({ id: fc.integer({ min: 1, max: 2 ** 31 - 1 }), isNear: fc.boolean() }), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, (all) => {
      const streams = new OpenStreams();
      const model = new Map<number, Http2Stream>();
      for (const step of all) {
        const id = step.isNear ? step.id % 64 : step.id;
        if (model.has(id)) {
          assert.equal(streams.delete(id), true);
          model.delete(id);
        } else {
          assert.equal(streams.delete(id), false);
          const stream = streamOf(id);
          streams.add(stream);
          model.set(id, stream);
        }
        assert.equal(streams.size, model.size);
        for (const [key, value] of model) assert.equal(streams.get(key), value);
        assert.equal(streams.get(id), model.get(id));
      }
      assert.deepEqual(new Set(streams.all()), new Set(model.values()));
    }),
  );
});

test('a stream that stays open while ids come round does not make it grow', () => {
  const streams = new OpenStreams();
  const first = streamOf(1);
  streams.add(first);
  for (let id = 3; id < 100_000; id += 2) {
    streams.add(streamOf(id));
    assert.equal(streams.delete(id), true);
  }
  assert.equal(streams.size, 1);
  assert.equal(streams.get(1), first);
});

test('may change while its streams are gone through', () => {
  const streams = new OpenStreams();
  for (let id = 1; id < 200; id += 2) streams.add(streamOf(id));
  let count = 0;
  for (const stream of streams.all()) {
    count++;
    assert.equal(streams.delete(stream.id), true);
  }
  assert.equal(count, 100);
  assert.equal(streams.size, 0);
});
