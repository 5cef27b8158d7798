import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { FakeClock } from '#shared/runtime/clock.ts';
import { pieces } from '../../sidecar/http1/messages.fixture.ts';
import { Http1ClientConnection } from '../../sidecar/net/http1-client-connection.ts';
import { defaultHttp1Options } from '../../sidecar/net/http1-options.ts';
import { Http1ServerConnection } from '../../sidecar/net/http1-server-connection.ts';
import { aRequest, RecordedResponse, RequestRecorder } from '../../sidecar/net/http1.fixture.ts';
import { TimerWheel } from '../../sidecar/net/timer-wheel.ts';
import { FakeConnection } from '../../sidecar/transport/fake-connection.fixture.ts';
import { anyRequests, anyResponse, cuts } from './http1-messages.fixture.ts';

const runs = { numRuns: 3000, seed: 20_260_902 };

/** When the proxy answers: within the request callback, when the body is whole, or after everything came. */
const moments = fc.constantFrom('at once', 'when whole', 'late');

describe('a server connection that gets any bytes', () => {
  it('answers each request once, in order, or says why not, and never throws', () => {
    fc.assert(
      fc.property(anyRequests, cuts, fc.boolean(), moments, (text, at, lenient, moment) => {
        const connection = new FakeConnection();
        const handler = new RequestRecorder();
        const server = new Http1ServerConnection(connection, handler, {
          options: { ...defaultHttp1Options, lenient },
          wheel: new TimerWheel(new FakeClock()),
        });
        handler.onEach = (request) => {
          if (moment === 'at once') request.answer('x');
          else if (moment === 'when whole' && request.hasEnded) request.answer('x');
          else if (moment === 'when whole') request.onBytes = (_bytes, end) => end && request.answer('x');
        };
        for (const piece of pieces(text, at)) connection.receive(piece);
        let answered = -1;
        while (answered !== handler.requests.length) {
          answered = handler.requests.length;
          const { last } = handler.requests.length > 0 ? handler : { last: null };
          if (last !== null && last.sent === 0 && last.aborted === null) last.answer('x');
          connection.deliver();
        }
        const heads = connection.text.match(/HTTP\/1\.1 \d{3} /g) ?? [];
        const sent = handler.requests.reduce((sum, each) => sum + each.sent, 0);
        const unanswered = handler.requests.filter((each) => each.aborted !== null && each.sent === 0).length;
        assert.equal(sent + unanswered, handler.requests.length);
        assert.ok(heads.length >= sent + handler.bad.length);
        assert.ok(heads.length <= sent + handler.bad.length + unanswered);
        if (handler.bad.length > 0) assert.equal(connection.hasEnded || connection.isClosed, true);
        server.close();
      }),
      runs,
    );
  });
});

describe('a client connection that gets any bytes', () => {
  it('ends each attempt once and never throws', () => {
    fc.assert(
      fc.property(anyResponse, cuts, fc.constantFrom('GET', 'HEAD', 'POST', 'CONNECT'), (text, at, method) => {
        const connection = new FakeConnection();
        let closed = 0;
        const client = new Http1ClientConnection(
          connection,
          { onCapacity: () => {}, onKeepAliveHint: () => {}, onClose: () => closed++ },
          defaultHttp1Options,
        );
        const response = new RecordedResponse();
        client.open(response).sendHead(aRequest({ method, path: method === 'CONNECT' ? 'b:1' : '/' }), true);
        for (const piece of pieces(text, at)) connection.receive(piece);
        connection.receiveEnd();
        connection.closeWith(null);
        assert.equal(Number(response.hasEnded) + Number(response.aborted !== null) >= 1, true);
        if (response.aborted !== null && method !== 'CONNECT') assert.equal(response.hasEnded, false);
        assert.equal(closed, 1);
      }),
      runs,
    );
  });
});
