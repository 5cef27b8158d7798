import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  encodeRequest,
  encodeResponse,
  readRequests,
  readResponse,
  type ReadMessage,
} from '../../sidecar/http1/messages.fixture.ts';
import type { RequestHead, ResponseHead } from '../../sidecar/http1/message.ts';
import { anyRequests, anyResponse, cuts, requests } from './http1-messages.fixture.ts';
import { parseWithNode } from './node-parser.fixture.ts';

const seed = 20_260_901;
const runs = { numRuns: 3000, seed };

const plainRequest = ({ head, body, trailers, isComplete }: ReadMessage<RequestHead>) => ({
  ...head,
  headers: head.headers.entries(),
  body,
  trailers,
  isComplete,
});
const plainResponse = ({ head, body, trailers, isComplete }: ReadMessage<ResponseHead>) => ({
  ...head,
  headers: head?.headers.entries(),
  body,
  trailers,
  isComplete,
});

describe('HTTP/1.1 requests', () => {
  it('are read the same wherever they are cut', () => {
    const plain = (text: string, lenient: boolean, at: readonly number[]) => {
      const read = readRequests(text, { lenient, cuts: at });
      return { ...read, messages: read.messages.map(plainRequest) };
    };
    for (const text of [...requests, requests.join(''), '\r\nGET / HTTP/1.1\nHost: a\n\n']) {
      for (const lenient of [false, true]) {
        const whole = plain(text, lenient, []);
        for (let at = 1; at < text.length; at++) assert.deepEqual(plain(text, lenient, [at]), whole);
        assert.deepEqual(
          plain(
            text,
            lenient,
            Array.from({ length: text.length }, (_, index) => index),
          ),
          whole,
        );
      }
    }
    fc.assert(
      fc.property(anyRequests, cuts, fc.boolean(), (text, at, lenient) => {
        assert.deepEqual(plain(text, lenient, at), plain(text, lenient, []));
      }),
      runs,
    );
  });

  it('go on in a form that is read as the same message', () => {
    fc.assert(
      fc.property(anyRequests, fc.boolean(), (text, lenient) => {
        for (const message of readRequests(text, { lenient }).messages) {
          if (!message.isComplete) continue;
          const again = readRequests(encodeRequest(message));
          assert.equal(again.fault, null);
          assert.equal(again.messages.length, 1);
          const { version: _v, isAbsoluteForm: _f, headers, ...rest } = plainRequest(again.messages[0]!);
          const { version: _w, isAbsoluteForm: _g, headers: before, scheme, ...expected } = plainRequest(message);
          assert.deepEqual({ ...rest, scheme }, { ...expected, scheme });
          const withoutLength = (pairs: [string, string][]) => pairs.filter(([name]) => name !== 'content-length');
          assert.deepEqual(withoutLength(headers), withoutLength(before));
        }
      }),
      { ...runs, numRuns: 10_000 },
    );
  });

  it('go on in a form that node:http takes for the same message, and for one', async () => {
    await fc.assert(
      fc.asyncProperty(anyRequests, fc.boolean(), async (text, lenient) => {
        for (const message of readRequests(text, { lenient }).messages) {
          if (!message.isComplete || message.head.upgrade !== null || message.head.method === 'CONNECT') continue;
          const forwarded = encodeRequest(message);
          const { method, path } = message.head;
          assert.deepEqual(
            await parseWithNode(forwarded),
            [{ method, url: path, body: message.body, isComplete: true }],
            JSON.stringify(forwarded),
          );
        }
      }),
      runs,
    );
  });
});

describe('HTTP/1.1 responses', () => {
  it('are read the same wherever they are cut', () => {
    const plain = (text: string, at: readonly number[]) => {
      const read = readResponse(text, { cuts: at, isClosed: true });
      return { ...plainResponse(read), fault: read.fault, isPersistent: read.isPersistent };
    };
    fc.assert(
      fc.property(anyResponse, cuts, (text, at) => {
        assert.deepEqual(plain(text, at), plain(text, []));
      }),
      runs,
    );
  });

  it('go on in a form that is read as the same message', () => {
    fc.assert(
      fc.property(anyResponse, (text) => {
        const read = readResponse(text, { isClosed: true });
        if (!read.isComplete || read.fault !== null || read.head.status < 200 || read.head.status === 204) return;
        if (read.head.status === 304) return;
        const again = readResponse(encodeResponse(read));
        assert.equal(again.fault, null);
        assert.deepEqual([again.body, again.rest, again.head.status], [read.body, '', read.head.status]);
        assert.deepEqual(again.trailers, read.trailers);
      }),
      runs,
    );
  });
});
