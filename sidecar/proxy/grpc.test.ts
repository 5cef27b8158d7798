/** gRPC calls through an exchange: over HTTP/2, messages as DATA, the status in trailers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { aResponse } from '../telemetry/heads.fixture.ts';
import { anOutlierConfig, someEndpoints } from '../upstream/cluster.fixture.ts';
import { aRetry, startExchange, type ExchangeSetup } from './exchange.fixture.ts';

const grpc = { 'content-type': 'application/grpc' };
const grpcHead = () => ({ ...aResponse(200, grpc), contentLength: -1 });
const trailers = (status: number) => HeaderMap.from([['grpc-status', String(status)]]);
const message = (text: string) => {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5);
  return bytes;
};

/** A call whose client has not said yet that it has no more messages. */
function aCall(setup: ExchangeSetup = {}, headers: Readonly<Record<string, string>> = {}) {
  const made = startExchange({
    hasBody: true,
    ...setup,
    request: { method: 'POST', version: 'HTTP/2', path: '/shop.Orders/Watch', ...setup.request },
    headers: { ...grpc, te: 'trailers', ...headers },
    service: { compat: 'tulle', ...setup.service },
  });
  const { exchange, upstream, stream, logged, cluster } = made;
  return {
    ...made,
    get host() {
      const [host] = cluster.hosts.values();
      assert.ok(host !== undefined);
      return host;
    },
    send: (text: string, end = false) => exchange.onData(message(text), end),
    answerHead: () => upstream.last.sink.onHead(grpcHead(), false),
    answer: (text: string) => upstream.last.sink.onData(message(text), false),
    end: (status: number) => upstream.last.sink.onTrailers(trailers(status)),
    /** How the client sees it end. */
    get ending() {
      if (stream.isAborted) return 'reset';
      const fields = stream.trailers ?? stream.head?.headers;
      if (!stream.hasEnded || fields === undefined) return 'open';
      return `${stream.trailers === null ? 'head' : 'trailers'} ${fields.get('grpc-status') ?? ''} ${fields.get('grpc-message') ?? ''}`;
    },
    get log() {
      const [record, ...others] = logged;
      assert.equal(others.length, 0);
      return record === undefined ? '' : `${record.grpcStatus} ${record.flagNames} ${record.details}`;
    },
  };
}

describe('a stream', () => {
  test('has messages both ways at once, and ends with the trailers of its server', () => {
    const call = aCall({}, { 'grpc-accept-encoding': 'gzip', 'x-meta': 'a' });
    call.send('one');
    call.answerHead();
    call.answer('first');
    call.send('two');
    call.answer('second');
    call.send('three', true);
    call.upstream.last.sink.onTrailers(
      HeaderMap.from([
        ['grpc-status', '0'],
        ['x-sum', '3'],
      ]),
    );
    const { head, body } = call.upstream.last;
    assert.deepEqual(
      ['te', 'grpc-accept-encoding', 'x-meta', 'content-type'].map((name) => head?.headers.get(name)),
      ['trailers', 'gzip', 'a', 'application/grpc'],
    );
    assert.equal(body, Buffer.concat(['one', 'two', 'three'].map(message)).toString('latin1'));
    assert.equal(call.stream.body, Buffer.concat(['first', 'second'].map(message)).toString('latin1'));
    assert.equal(call.stream.trailers?.get('x-sum'), '3');
    assert.equal(call.log, '0  via_upstream');
    assert.equal(call.clock.pending - 1, 0, 'but the look for messages no timer is left');
  });

  test('that its client cancels is cancelled upstream at once', () => {
    const call = aCall();
    call.send('one');
    call.answerHead();
    call.exchange.onAbort({ kind: 'streamReset', code: 'CANCEL' });
    assert.equal(call.upstream.last.isAborted, true);
    assert.equal(call.log, '2 DR http2.remote_reset');
    const lost = aCall();
    lost.exchange.onAbort({ kind: 'connectionClosed', reset: false, detail: '' });
    assert.equal(lost.upstream.last.isAborted, true);
    assert.equal(lost.log, '-1 DC downstream_remote_disconnect');
  });

  test('that its server resets is told from a connection that ends', () => {
    const call = aCall({ service: { compat: 'istio' } });
    call.send('one', true);
    call.upstream.last.sink.onAbort({ kind: 'streamReset', code: 'INTERNAL_ERROR' });
    const text = 'upstream connect error or disconnect/reset before headers. reset reason: remote reset';
    assert.equal(call.ending, `head 14 ${text}`);
    assert.equal(call.log, '14 UR upstream_reset_before_response_started{remote_reset}');
    const late = aCall();
    late.answerHead();
    late.upstream.last.sink.onAbort({ kind: 'streamReset', code: 'CANCEL' });
    assert.equal(late.ending, 'reset');
  });

  test('goes on while the sidecar drains and its endpoint goes away, to its own end', () => {
    const call = aCall();
    call.answerHead();
    call.stream.closeAfter();
    call.cluster.update(call.cluster.config, someEndpoints());
    call.cluster.close();
    for (const text of ['a', 'b']) {
      call.send(text);
      call.answer(text);
      call.clock.advance(3_600_000);
    }
    call.end(0);
    assert.equal(call.ending, 'trailers 0 ');
    assert.equal(call.upstream.last.isAborted, false);
    assert.equal(call.stream.body, Buffer.concat(['a', 'b'].map(message)).toString('latin1'));
  });

  test('may end before its client has said all', () => {
    const call = aCall();
    call.send('one');
    call.answerHead();
    call.end(5);
    call.send('two');
    call.exchange.onAbort({ kind: 'streamReset', code: 'CANCEL' });
    assert.equal(call.ending, 'trailers 5 ');
    assert.equal(call.log, '5  via_upstream');
  });
});

const honoured = { timeoutMs: 0, maxGrpcTimeoutMs: 0 };
const inbound = {
  timeoutMs: 0,
  streamDuration: { maxMs: 0, grpcHeaderMaxMs: 0, grpcHeaderOffsetMs: 0 },
};

describe('a deadline', () => {
  test('that passes before the answer is status 4; 14 under istio, as of Envoy', () => {
    const endings = (['tulle', 'istio'] as const).map((compat) => {
      const call = aCall({ action: honoured, service: { compat } }, { 'grpc-timeout': '200m' });
      call.send('one', true);
      call.clock.advance(199);
      assert.equal(call.ending, 'open');
      call.clock.advance(1);
      assert.equal(call.upstream.last.isAborted, true);
      return [call.ending, call.log];
    });
    assert.deepEqual(endings, [
      ['head 4 upstream request timeout', '4 UT response_timeout'],
      ['head 14 upstream request timeout', '14 UT response_timeout'],
    ]);
  });

  test('that passes within the answer ends it by trailers, after all messages that came', () => {
    const endings = (['tulle', 'istio'] as const).map((compat) => {
      const call = aCall({ action: honoured, service: { compat } }, { 'grpc-timeout': '200m' });
      call.send('one', true);
      call.answerHead();
      call.answer('first');
      call.clock.advance(200);
      assert.equal(call.upstream.last.isAborted, true);
      assert.equal(call.stream.body, message('first').toString('latin1'));
      return [call.ending, call.log];
    });
    assert.deepEqual(endings, [
      ['trailers 4 upstream request timeout', '4 UT response_timeout'],
      ['trailers 14 upstream request timeout', '14 UT response_timeout'],
    ]);
  });

  test('counts from the begin of the call, even if its client never stops sending; in Envoy only from there on', () => {
    const [own, istio] = (['tulle', 'istio'] as const).map((compat) => {
      const call = aCall({ action: honoured, service: { compat } }, { 'grpc-timeout': '200m' });
      call.clock.advance(150);
      call.send('late');
      call.clock.advance(50);
      return call;
    });
    assert.equal(own?.ending, 'head 4 upstream request timeout');
    assert.equal(istio?.ending, 'open');
  });

  test('of the route ends a call too, and an answer whose length was told is cut off instead', () => {
    const call = aCall({ action: { timeoutMs: 300, maxGrpcTimeoutMs: 300 } });
    call.send('one', true);
    call.answerHead();
    call.clock.advance(300);
    assert.equal(call.ending, 'trailers 4 upstream request timeout');
    const told = aCall({ action: { timeoutMs: 300, maxGrpcTimeoutMs: 300 } });
    told.send('one', true);
    told.upstream.last.sink.onHead({ ...grpcHead(), contentLength: 100 }, false);
    told.clock.advance(300);
    assert.equal(told.ending, 'reset');
  });

  test('is passed on as what is left of it', () => {
    const call = aCall(
      {
        action: { ...honoured, retry: aRetry('unavailable', { baseIntervalMs: 100, maxIntervalMs: 100 }) },
        random: () => 0.9,
      },
      { 'grpc-timeout': '1S' },
    );
    call.send('one', true);
    call.clock.advance(400);
    call.upstream.last.answer(200, '', { ...grpc, 'grpc-status': '14' });
    call.clock.advance(90);
    assert.deepEqual(
      call.upstream.attempts.map(({ head }) => head?.headers.get('grpc-timeout')),
      ['1000m', '510m'],
    );
  });

  test('that is over already is found out at once, and blames nobody who answered in time', () => {
    const call = aCall({ action: honoured }, { 'grpc-timeout': '0n' });
    call.clock.advance(0);
    assert.equal(call.ending, 'head 4 upstream request timeout');
  });

  test('by max_stream_duration is status 4 everywhere, without a flag, and no timeout of the upstream', () => {
    for (const compat of ['tulle', 'istio'] as const) {
      const call = aCall({ action: inbound, service: { compat } }, { 'grpc-timeout': '200m' });
      call.send('one');
      call.clock.advance(200);
      assert.equal(call.ending, 'head 4 downstream duration timeout');
      assert.equal(call.log, '4  max_duration_timeout');
      assert.equal(call.upstream.last.isAborted, true);
      assert.equal(call.cluster.stats.upstream_rq_timeout, 0);
      assert.equal(call.upstream.last.head?.headers.get('grpc-timeout'), '200m');
      const late = aCall({ action: inbound, service: { compat } }, { 'grpc-timeout': '200m' });
      late.answerHead();
      late.clock.advance(200);
      assert.equal(late.ending, 'trailers 4 downstream duration timeout');
    }
  });

  test('leaves no timer behind', () => {
    const call = aCall({ action: { ...honoured, timeoutMs: 5000 } }, { 'grpc-timeout': '200m' });
    call.send('one', true);
    call.upstream.last.answer(200, '', { ...grpc, 'grpc-status': '0' });
    assert.equal(call.clock.pending, 0);
  });
});

describe('a retry', () => {
  const unavailable = (call: ReturnType<typeof aCall>) =>
    call.upstream.last.answer(200, '', { ...grpc, 'grpc-status': '14' });

  test('on a gRPC condition holds for every call, though it is a POST', () => {
    const call = aCall({ action: { retry: aRetry('unavailable') } });
    call.send('one', true);
    unavailable(call);
    call.answerHead();
    call.end(0);
    assert.equal(call.upstream.attempts.length, 2);
    assert.equal(call.ending, 'trailers 0 ');
  });

  test('for HTTP’s reasons holds for none that somebody may have seen', () => {
    const call = aCall({ action: { retry: aRetry('5xx') } });
    call.send('one', true);
    call.upstream.last.answer(503);
    assert.equal(call.upstream.attempts.length, 1);
  });

  test('may come while the request is open: what was sent is sent again, what comes goes to the new server', () => {
    const call = aCall({ action: { retry: aRetry('unavailable') } });
    call.send('one');
    unavailable(call);
    call.send('two', true);
    assert.deepEqual(
      call.upstream.attempts.map(({ body, hasEnded }) => [body.length, hasEnded]),
      [
        [8, false],
        [16, true],
      ],
    );
    unavailable(call);
    unavailable(call);
    assert.equal(call.ending, 'head 14 ');
    assert.equal(call.log, '14 URX via_upstream');
  });

  test('is none for a status that comes in trailers, nor for a stream too long to be kept', () => {
    const late = aCall({ action: { retry: aRetry('unavailable') } });
    late.answerHead();
    late.end(14);
    assert.equal(late.upstream.attempts.length, 1);
    const long = aCall({ action: { retry: aRetry('unavailable') } });
    long.send('x'.repeat(1_048_576));
    long.send('y');
    unavailable(long);
    assert.equal(long.upstream.attempts.length, 1);
    assert.equal(long.ending, 'head 14 ');
  });
});

describe('what a call says of its host', () => {
  const outlier = { ...anOutlierConfig, consecutive5xx: 100, consecutiveGatewayFailure: 100 };
  /** The counts of outlier detection after this call, for which the host has failed once before. */
  const judged = (compat: 'tulle' | 'istio', run: (call: ReturnType<typeof aCall>) => void) => {
    const call = aCall({ cluster: { outlier }, service: { compat } });
    call.host.monitor.consecutive5xx = 1;
    run(call);
    return call.host.monitor.consecutive5xx;
  };

  test('is the status of its head, or by Tulle’s defaults of its trailers', () => {
    const inHead = (status: string) => (call: ReturnType<typeof aCall>) =>
      call.upstream.last.answer(200, '', { ...grpc, 'grpc-status': status });
    const inTrailers = (status: number) => (call: ReturnType<typeof aCall>) => {
      call.answerHead();
      call.end(status);
    };
    for (const compat of ['tulle', 'istio'] as const) {
      assert.equal(judged(compat, inHead('14')), 2);
      assert.equal(judged(compat, inHead('13')), 2);
      assert.equal(judged(compat, inHead('5')), 0);
      assert.equal(judged(compat, inTrailers(0)), 0);
    }
    assert.equal(judged('tulle', inTrailers(14)), 2);
    assert.equal(judged('istio', inTrailers(14)), 0);
  });

  test('is a failure if its stream breaks off, none if it began in time and ran out of time', () => {
    const breaks = (call: ReturnType<typeof aCall>) => {
      call.answerHead();
      call.upstream.last.reset();
    };
    assert.equal(judged('tulle', breaks), 2);
    assert.equal(judged('istio', breaks), 1);
    const call = aCall({ cluster: { outlier }, action: honoured }, { 'grpc-timeout': '50m' });
    call.answerHead();
    call.clock.advance(50);
    assert.equal(call.host.monitor.consecutive5xx, 0);
  });

  test('is counted when it is over', () => {
    const counts = (run: (call: ReturnType<typeof aCall>) => void) => {
      const call = aCall();
      run(call);
      return [call.host.stats.rq_success, call.host.stats.rq_error];
    };
    assert.deepEqual(
      counts((call) => call.answerHead()),
      [0, 0],
    );
    const ended = (status: number) =>
      counts((call) => {
        call.answerHead();
        call.end(status);
      });
    assert.deepEqual(
      [ended(0), ended(5), ended(14)],
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    );
    const withoutStatus = counts((call) => {
      call.answerHead();
      call.upstream.last.sink.onData(message('x'), true);
    });
    assert.deepEqual(withoutStatus, [0, 1]);
  });
});

describe('messages', () => {
  test('are counted while the stream lasts, and once', () => {
    const call = aCall();
    call.send('one');
    call.answerHead();
    for (let i = 0; i < 3; i++) call.answer('tick');
    call.clock.advance(4999);
    assert.deepEqual(call.messages, []);
    call.clock.advance(1);
    assert.deepEqual(call.messages, [[1, 3]]);
    call.clock.advance(60_000);
    call.answer('tick');
    call.send('bye', true);
    call.end(0);
    assert.deepEqual(call.messages, [
      [1, 3],
      [1, 1],
    ]);
    call.clock.advance(5000);
    assert.equal(call.clock.pending, 0);
  });

  test('of an answer that is not gRPC, and of what is not gRPC at all, are none', () => {
    const call = aCall();
    call.send('one', true);
    call.upstream.last.answer(503, 'no healthy upstream');
    assert.deepEqual(call.messages, [[1, 0]]);
    const plain = startExchange();
    plain.upstream.last.answer(200, 'hello');
    assert.deepEqual(plain.messages, []);
  });
});

describe('gRPC-Web and Connect', () => {
  for (const type of ['application/grpc-web+proto', 'application/connect+proto', 'application/proto'])
    test(`${type} passes through as any HTTP`, () => {
      const setup = { hasBody: true, request: { method: 'POST' }, action: honoured } as const;
      const made = startExchange({
        ...setup,
        headers: { 'content-type': type, 'grpc-timeout': '50m', 'connect-timeout-ms': '50' },
      });
      made.exchange.onData(message('one'), true);
      made.clock.advance(1000);
      made.upstream.last.sink.onHead(aResponse(200, { 'content-type': type }), false);
      made.upstream.last.sink.onData(Buffer.from('\u0080\0\0\0\u000fgrpc-status: 0\r', 'latin1'), true);
      const { head } = made.upstream.last;
      assert.deepEqual(
        ['content-type', 'grpc-timeout', 'connect-timeout-ms'].map((name) => head?.headers.get(name)),
        [type, '50m', '50'],
      );
      assert.equal(made.stream.body, '\u0080\0\0\0\u000fgrpc-status: 0\r');
      assert.deepEqual([made.observed[0]?.isGrpc, made.logged[0]?.grpcStatus, made.messages], [false, -1, []]);
    });
});
