import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { RequestBody } from './request-body.ts';
import { FakeClientStream } from './streams.fixture.ts';

const nobody = {
  onInformational() {},
  onHead() {},
  onData() {},
  onTrailers() {},
  onWritable() {},
  onAbort() {},
};
const aStream = () => new FakeClientStream('h', nobody);
const bytes = (text: string) => Buffer.from(text);

describe('a body', () => {
  test('keeps bytes of its own: the buffer that came is overwritten afterwards', () => {
    const body = new RequestBody(false, 100);
    const shared = bytes('hello');
    body.receive(shared, true, null);
    shared.fill(0x21);
    const stream = aStream();
    body.replay(stream);
    assert.deepEqual([stream.body, stream.hasEnded], ['hello', true]);
  });

  test('that is empty ends with its head', () => {
    const body = new RequestBody(true, 100);
    const stream = aStream();
    assert.equal(body.endsWithHead, true);
    assert.equal(body.replay(stream), true);
    assert.equal(stream.body, '');
  });

  test('that ends empty after all ends with its head when it is sent again', () => {
    const body = new RequestBody(false, 100);
    const first = aStream();
    assert.equal(body.endsWithHead, false);
    body.receive(Buffer.alloc(0), true, first);
    assert.deepEqual([first.hasEnded, body.endsWithHead], [true, true]);
  });

  test('ends with its trailers', () => {
    const body = new RequestBody(false, 100);
    body.receive(bytes('a'), false, null);
    body.receiveTrailers(HeaderMap.from([['x-sum', '1']]), null);
    const stream = aStream();
    body.replay(stream);
    assert.deepEqual([stream.body, stream.trailers?.get('x-sum')], ['a', '1']);
  });

  test('says stop at its limit while nobody takes it, and what the stream says afterwards', () => {
    const body = new RequestBody(false, 4);
    assert.equal(body.receive(bytes('abc'), false, null), true);
    assert.equal(body.receive(bytes('d'), false, null), false);
    const stream = aStream();
    stream.isWritable = false;
    assert.equal(body.replay(stream), false);
    assert.equal(body.isWhole, true);
    stream.isWritable = true;
    assert.equal(body.receive(bytes('e'), false, stream), true);
    assert.deepEqual([body.isWhole, body.keptBytes, body.receivedBytes], [false, 0, 5]);
    assert.equal(stream.body, 'abcde');
  });

  test('is told whole to who waits for it, once, and never when it is too long', () => {
    const told: string[] = [];
    const tell = (chunks: readonly Buffer[]) => told.push(Buffer.concat([...chunks]).toString());
    const short = new RequestBody(false, 4);
    short.whenWhole(tell);
    short.receive(bytes('ab'), false, aStream());
    short.forget();
    short.receive(bytes('c'), true, aStream());
    const long = new RequestBody(false, 4);
    long.whenWhole(tell);
    long.receive(bytes('abcde'), false, aStream());
    long.receive(bytes('f'), true, aStream());
    assert.deepEqual(told, ['abc']);
  });

  test('is forgotten once no retry can need it', () => {
    const body = new RequestBody(false, 100);
    body.receive(bytes('abc'), false, aStream());
    body.forget();
    assert.deepEqual([body.keptBytes, body.isWhole], [0, false]);
  });
});
