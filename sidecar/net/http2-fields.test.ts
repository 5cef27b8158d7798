import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frameFlag, frameType } from '../http2/frames.ts';
import { HpackDecoder } from '../http2/hpack/decoder.ts';
import { HpackEncoder } from '../http2/hpack/encoder.ts';
import { aFrame, aGet, anAnswer, type SeenFrame } from '../http2/session.fixture.ts';
import { RecordedResponse } from './http1.fixture.ts';
import { aClient, aServer } from './http2-peer.fixture.ts';

type Line = readonly [name: string, value: string, isSensitive?: boolean];

/** HEADERS of these lines, of which some are never to be indexed; with `end` they end their stream. */
function aHead(lines: readonly Line[], end: boolean): Buffer {
  const encoder = new HpackEncoder();
  encoder.begin();
  for (const [name, value, isSensitive] of lines) encoder.field(name, value, isSensitive);
  const flags = frameFlag.endHeaders | (end ? frameFlag.endStream : 0);
  return aFrame(frameType.headers, flags, 1, Buffer.from(encoder.finish()));
}

/** Names of the fields that went out as never indexed, block by block. */
function sensitiveIn(frames: readonly SeenFrame[]): string[][] {
  const decoder = new HpackDecoder({ maxTableBytes: 4096 });
  return frames
    .filter(({ type }) => type === frameType.headers)
    .map(({ payload }) => {
      const names: string[] = [];
      decoder.decode(payload, 0, payload.length, {
        onField: (name, _value, isSensitive) => void (isSensitive && names.push(name)),
      });
      return names;
    });
}

describe('fields that came as never indexed', () => {
  const secret: Line = ['x-token', 'secret', true];
  const plain: Line = ['x-plain', 'known'];

  it('go to the server as such, the path as well', async () => {
    const { peer: downstream, handler } = await aServer();
    const path: Line = [':path', '/?token=secret', true];
    downstream.send(aHead([...aGet.slice(0, 3), path, plain, secret, ['authorization', 'a']], true));
    const { peer: upstream, client } = await aClient();
    client.open(new RecordedResponse()).sendHead(handler.last.head, true);
    assert.deepEqual(sensitiveIn(await upstream.frames()), [[':path', 'x-token', 'authorization']]);
  });

  it('go to the client as such, in trailers too', async () => {
    const { peer: upstream, client } = await aClient();
    const answer = new RecordedResponse();
    const { peer: downstream, handler } = await aServer();
    downstream.send(aHead(aGet, true));
    client.open(answer).sendHead(handler.last.head, true);
    await upstream.frames();
    upstream.send(aHead([...anAnswer, plain, secret], false), aHead([['x-sum', '1'], secret], true));
    const { stream } = handler.last;
    assert.ok(answer.head !== null && answer.trailerMap !== null);
    stream.sendHead(answer.head, false);
    stream.sendTrailers(answer.trailerMap);
    assert.deepEqual(sensitiveIn(await downstream.frames()), [['x-token'], ['x-token']]);
  });
});
