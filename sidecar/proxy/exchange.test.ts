import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { aForward, aRoute } from '../routing/routes.fixture.ts';
import { aHeaderMap, aResponse, fieldsOf } from '../telemetry/heads.fixture.ts';
import { aManager, anExchange, aRetry, startExchange, type ExchangeSetup } from './exchange.fixture.ts';
import { proceed, type FilterVerdict, type HttpRequestFilter } from './filter.ts';

type Made = ReturnType<typeof anExchange>;

/** One way in which an exchange can end. */
type Ending = Readonly<{ name: string; setup?: ExchangeSetup; act: (made: Made) => void; answer: string; log: string }>;

const gone = { kind: 'connectionClosed', reset: true, detail: 'ECONNRESET' } as const;
const replying = (status: number): HttpRequestFilter => ({
  name: 'gate',
  onRequest: () => ({
    kind: 'reply',
    reply: { status, body: 'no', headers: [['x-why', 'so']], flag: 'FI', details: 'gate', grpcStatus: null },
  }),
});

const delaying = (ms: number, then: FilterVerdict): FilterVerdict => {
  return { kind: 'delay', ms, flag: 'DI', next: then };
};

const endings: readonly Ending[] = [
  {
    name: 'an answer without a body',
    act: ({ upstream }) => upstream.last.answer(204),
    answer: '204 ',
    log: '204  via_upstream',
  },
  {
    name: 'an answer with a body',
    act: ({ upstream }) => upstream.last.answer(200, 'hello'),
    answer: '200 hello',
    log: '200  via_upstream',
  },
  {
    name: 'an answer with trailers',
    act: ({ upstream }) => {
      upstream.last.sink.onHead(aResponse(200), false);
      upstream.last.sink.onTrailers(HeaderMap.from([['grpc-status', '5']]));
    },
    answer: '200 ',
    log: '200  via_upstream',
  },
  {
    name: 'the client leaves before the answer',
    act: ({ exchange }) => exchange.onAbort(gone),
    answer: 'nothing ...',
    log: '0 DC downstream_remote_disconnect',
  },
  {
    name: 'the client leaves within the answer',
    act: ({ exchange, upstream }) => {
      upstream.last.sink.onHead(aResponse(200), false);
      exchange.onAbort(gone);
    },
    answer: '200 ...',
    log: '200 DC downstream_remote_disconnect',
  },
  {
    name: 'the client breaks the protocol in its body',
    setup: { hasBody: true },
    act: ({ exchange }) => exchange.onAbort({ kind: 'protocolError', detail: 'bad chunk size' }),
    answer: 'nothing ...',
    log: '400 DPE http1.codec_error{bad_chunk_size}',
  },
  {
    name: 'the host resets before the answer',
    act: ({ upstream }) => upstream.last.reset(),
    answer: '503 upstream connect error or disconnect/reset before headers. reset reason: connection termination',
    log: '503 UC upstream_reset_before_response_started{connection_termination}',
  },
  {
    name: 'the host resets within the answer',
    act: ({ upstream }) => {
      upstream.last.sink.onHead(aResponse(200), false);
      upstream.last.reset();
    },
    answer: '200  aborted',
    log: '200 UC upstream_reset_after_response_started{connection_termination}',
  },
  {
    name: 'a malformed answer',
    act: ({ upstream }) => upstream.last.sink.onAbort({ kind: 'protocolError', detail: 'bad status' }),
    answer: '502 upstream connect error or disconnect/reset before headers. reset reason: protocol error',
    log: '502 UPE upstream_reset_before_response_started{protocol_error|bad_status}',
  },
  {
    name: 'a malformed rest of an answer',
    act: ({ upstream }) => {
      upstream.last.sink.onHead(aResponse(200), false);
      upstream.last.sink.onAbort({ kind: 'protocolError', detail: 'bad chunk' });
    },
    answer: '200  aborted',
    log: '200 UPE upstream_reset_after_response_started{protocol_error|bad_chunk}',
  },
  {
    name: 'no connection',
    setup: { endpoints: ['10.0.0.1'] },
    act: () => undefined,
    answer: '200 ok',
    log: '200  via_upstream',
  },
  {
    name: 'the route times out',
    setup: { action: { timeoutMs: 1000 } },
    act: ({ clock }) => clock.advance(1000),
    answer: '504 upstream request timeout',
    log: '504 UT response_timeout',
  },
  {
    name: 'the route times out within the answer',
    setup: { action: { timeoutMs: 1000 } },
    act: ({ clock, upstream }) => {
      upstream.last.sink.onHead(aResponse(200), false);
      clock.advance(1000);
    },
    answer: '200  aborted',
    log: '200 UT response_timeout',
  },
  {
    name: 'a try times out',
    setup: { action: { retry: aRetry('connect-failure', { perTryTimeoutMs: 100 }) } },
    act: ({ clock }) => clock.advance(100),
    answer: '504 upstream request timeout',
    log: '504 UT upstream_per_try_timeout',
  },
  {
    name: 'no route',
    setup: { routes: [aRoute('/other')] },
    act: () => undefined,
    answer: '404 ',
    log: '404 NR route_not_found',
  },
  {
    name: 'no cluster',
    setup: { routes: [aRoute('/*', { action: aForward('nobody') })] },
    act: () => undefined,
    answer: '503 ',
    log: '503 NC cluster_not_found',
  },
  {
    name: 'no host',
    setup: { endpoints: [] },
    act: () => undefined,
    answer: '503 no healthy upstream',
    log: '503 UH no_healthy_upstream',
  },
  {
    name: 'a filter answers',
    setup: { filters: [replying(418)] },
    act: () => undefined,
    answer: '418 no',
    log: '418 FI gate',
  },
  {
    name: 'a direct response',
    setup: {
      routes: [aRoute('/*', { action: { kind: 'direct', status: 299, body: new TextEncoder().encode('hi') } })],
    },
    act: () => undefined,
    answer: '299 hi',
    log: '299  direct_response',
  },
  {
    name: 'a forbidden upgrade',
    setup: { request: { upgrade: 'h2c' } },
    act: () => undefined,
    answer: '403 ',
    log: '403  upgrade_failed',
  },
];

describe('an exchange is logged and counted exactly once, and leaves no timer and no stream', () => {
  for (const { name, setup, act, answer, log } of endings) {
    test(name, () => {
      const made = startExchange(setup);
      act(made);
      if (name === 'no connection') made.upstream.last.answer(200, 'ok');
      assert.equal(made.stream.answer, answer);
      // Whatever comes late changes nothing.
      made.exchange.onAbort(gone);
      made.exchange.onData(Buffer.from('late'), true);
      for (const attempt of made.upstream.attempts) attempt.reset();
      made.clock.advance(1_000_000);
      const lines = made.logged.map((record) => `${record.status} ${record.flagNames} ${record.details}`);
      assert.deepEqual(lines, [log]);
      assert.deepEqual(
        made.observed.map(({ record }) => record),
        made.logged,
      );
      assert.equal(made.clock.pending, 0);
      assert.equal(made.stream.answer, answer);
      assert.ok(made.stream.heads <= 1);
      assert.equal(made.cluster.breakers.default.retries, 0);
    });
  }

  test('overflow and refused connections are local answers that say so', () => {
    for (const [mode, status, flag] of [
      ['overflow', 503, 'UO'],
      ['connectFailure', 503, 'UF'],
      ['connectTimeout', 503, 'UF'],
    ] as const) {
      const made = anExchange();
      made.upstream.mode = mode;
      made.exchange.start();
      assert.equal(made.stream.head?.status, status);
      assert.deepEqual(
        made.logged.map(({ flagNames }) => flagNames),
        [flag],
      );
      assert.equal(made.stream.head.headers.get('x-envoy-overloaded'), mode === 'overflow' ? 'true' : undefined);
    }
  });

  test('a client that leaves while a connection is waited for is forgotten by the pool', () => {
    const made = anExchange();
    made.upstream.mode = 'wait';
    made.exchange.start();
    made.exchange.onAbort(gone);
    assert.equal(made.upstream.cancelled, 1);
    made.upstream.connect();
    assert.equal(made.upstream.attempts.length, 0);
  });

  test('a client that leaves takes its attempt with it', () => {
    const made = startExchange();
    made.exchange.onAbort(gone);
    assert.equal(made.upstream.last.isAborted, true);
  });
});

describe('the record', () => {
  test('tells host, cluster, route, attempts, times and bytes', () => {
    const { exchange, upstream, clock, logged } = startExchange({ hasBody: true, action: { timeoutMs: 9000 } });
    clock.advance(5);
    exchange.onData(Buffer.from('four'), true);
    clock.advance(7);
    upstream.last.sink.onHead(aResponse(200), false);
    clock.advance(11);
    upstream.last.sink.onData(Buffer.from('answer'), true);
    const [record] = logged;
    assert.deepEqual(
      [record?.upstreamHost, record?.cluster, record?.clusterRaw, record?.routeName, record?.attempts],
      ['10.0.0.1:80', 'c;', 'c', 'all', 1],
    );
    assert.deepEqual([record?.requestDurationMs, record?.responseDurationMs, record?.durationMs], [5, 12, 23]);
    assert.deepEqual([record?.bytesReceived, record?.bytesSent], [4, 6]);
  });

  test('has the gRPC status of trailers, else of the head, else the one of its HTTP status; others have none', () => {
    const headers = { 'content-type': 'application/grpc' };
    const inTrailers = startExchange({ headers });
    inTrailers.upstream.last.sink.onHead(aResponse(200), false);
    inTrailers.upstream.last.sink.onTrailers(HeaderMap.from([['grpc-status', '5']]));
    const inHead = startExchange({ headers });
    inHead.upstream.last.answer(200, '', { 'grpc-status': '13' });
    const inferred = startExchange({ headers });
    inferred.upstream.last.answer(401);
    const left = startExchange({ headers });
    left.exchange.onAbort(gone);
    const plain = startExchange();
    plain.upstream.last.answer(200, '', { 'grpc-status': '13' });
    assert.deepEqual(
      [inTrailers, inHead, inferred, left, plain].map(({ logged }) => logged[0]?.grpcStatus),
      [5, 13, 16, -1, -1],
    );
  });
});

describe('local answers', () => {
  test('HEAD gets the head with the length of what GET would get', () => {
    const { stream, logged } = startExchange({ endpoints: [], request: { method: 'HEAD' } });
    assert.equal(stream.answer, '503 ');
    assert.equal(stream.head?.contentLength, 'no healthy upstream'.length);
    assert.equal(logged[0]?.bytesSent, 0);
  });

  test('gRPC clients get a status in headers', () => {
    const headers = { 'content-type': 'application/grpc+proto' };
    const noHost = startExchange({ endpoints: [], headers });
    assert.deepEqual(fieldsOf(noHost.stream.head ?? aResponse()), {
      'content-type': 'application/grpc',
      'grpc-status': '14',
      'grpc-message': 'no healthy upstream',
    });
    assert.equal(noHost.stream.answer, '200 ');
    assert.equal(noHost.logged[0]?.grpcStatus, 14);
    const denied = startExchange({ filters: [replying(403)], headers });
    assert.equal(denied.stream.head?.headers.get('grpc-status'), '7');
    assert.equal(denied.stream.head.headers.get('x-why'), 'so');
    const timedOut = startExchange({ headers, action: { timeoutMs: 50 } });
    timedOut.clock.advance(50);
    assert.equal(timedOut.stream.head?.headers.get('grpc-status'), '14');
  });

  test('gRPC-Web is not gRPC: it gets plain answers', () => {
    const { stream } = startExchange({ endpoints: [], headers: { 'content-type': 'application/grpc-web+proto' } });
    assert.equal(stream.answer, '503 no healthy upstream');
  });

  test('a redirect has a location and no body', () => {
    const action = { status: 302, scheme: null, httpsRedirect: false, host: 'other', port: null } as const;
    const { stream } = startExchange({
      routes: [aRoute('/*', { action: { kind: 'redirect', ...action, path: null, stripQuery: false } })],
    });
    assert.equal(stream.answer, '302 ');
    assert.equal(stream.head?.headers.get('location'), 'http://other/');
  });

  test('carry the response headers of their route', () => {
    const option = { name: 'x-route', value: 'yes', action: 'append', keepEmpty: false } as const;
    const { stream, responses } = startExchange({
      routes: [
        aRoute('/*', {
          action: { kind: 'direct', status: 200, body: null },
          responseHeaders: { add: [option], remove: [] },
        }),
      ],
    });
    assert.equal(stream.head?.headers.get('x-route'), 'yes');
    assert.deepEqual(
      responses.map(({ isLocal, upstreamMs }) => [isLocal, upstreamMs]),
      [[true, -1]],
    );
  });

  test('those of filters that leave the headers of the route out', () => {
    const option = { name: 'x-route', value: 'yes', action: 'append', keepEmpty: false } as const;
    const bare: HttpRequestFilter = {
      name: 'bare',
      onRequest: () => ({
        kind: 'reply',
        reply: {
          status: 200,
          body: '',
          headers: [],
          flag: '',
          details: 'cors_response',
          grpcStatus: null,
          skipsRouteHeaders: true,
        },
      }),
    };
    const routes = [aRoute('/*', { action: aForward('c'), responseHeaders: { add: [option], remove: [] } })];
    assert.deepEqual(fieldsOf(startExchange({ routes, filters: [bare] }).stream.head ?? aResponse()), {});
    assert.deepEqual(fieldsOf(startExchange({ routes, filters: [replying(403)] }).stream.head ?? aResponse()), {
      'content-type': 'text/plain',
      'x-route': 'yes',
      'x-why': 'so',
    });
  });

  test('say how many attempts they took, if the virtual host wants it', () => {
    const setup = { virtualHost: { attemptCountInResponse: true }, action: { retry: aRetry('5xx') } };
    const { stream, upstream } = startExchange(setup);
    upstream.last.answer(503);
    upstream.last.answer(200);
    assert.equal(stream.head?.headers.get('x-envoy-attempt-count'), '2');
    const noHost = startExchange({ ...setup, endpoints: [] });
    assert.equal(noHost.stream.head?.headers.get('x-envoy-attempt-count'), '1');
  });

  test('a request that could not be read is answered with its own status', () => {
    const refuse = (compat: 'tulle' | 'istio', details: string) => {
      const { exchange, stream, logged } = anExchange({ service: { compat } });
      const head = { version: 'HTTP/1.1', method: 'GET', path: '/', authority: 'a' } as const;
      exchange.refuse({ status: 431, details, message: 'too large', ...head });
      return [stream.answer, ...logged.map((record) => `${record.flagNames} ${record.details}`)];
    };
    assert.deepEqual(refuse('tulle', 'http1.codec_error'), ['431 too large', 'DPE http1.codec_error']);
    assert.deepEqual(refuse('istio', 'http1.codec_error'), [
      '431 Request Header Fields Too Large',
      'DPE http1.codec_error',
    ]);
    assert.deepEqual(refuse('istio', 'missing_host_header'), ['431 ', ' missing_host_header']);
  });
});

describe('filters', () => {
  const spy = (name: string, calls: string[], verdict: FilterVerdict = proceed): HttpRequestFilter => ({
    name,
    onRequest: () => {
      calls.push(`${name} request`);
      return verdict;
    },
    onResponse: (_context, head) => {
      calls.push(`${name} response ${head.status}`);
      head.headers.add('x-seen-by', name);
    },
    onEnd: () => calls.push(`${name} end`),
  });

  test('see the request in order, the response in reverse, and their end once', () => {
    const calls: string[] = [];
    const { upstream, stream } = startExchange({ filters: [spy('a', calls), spy('b', calls)] });
    upstream.last.answer(200, 'x');
    assert.deepEqual(calls, ['a request', 'b request', 'b response 200', 'a response 200', 'a end', 'b end']);
    assert.equal(stream.head?.headers.getJoined('x-seen-by'), 'b,a');
  });

  test('behind the one that answers see nothing', () => {
    const calls: string[] = [];
    const reply = replying(403).onRequest as () => typeof proceed;
    startExchange({ filters: [spy('a', calls), spy('gate', calls, reply()), spy('c', calls)] });
    assert.deepEqual(calls, ['a request', 'gate request', 'gate response 403', 'a response 403', 'a end', 'gate end']);
  });

  test('a delay holds the request back, then the abort stands; the client may leave meanwhile', () => {
    const reply = replying(503).onRequest as () => typeof proceed;
    const verdict = delaying(100, reply());
    const held = startExchange({ filters: [spy('fault', [], verdict)] });
    held.clock.advance(99);
    assert.equal(held.stream.answer, 'nothing ...');
    held.clock.advance(1);
    assert.equal(held.stream.answer, '503 no');
    assert.equal(held.logged[0]?.flagNames, 'DI,FI');
    const left = startExchange({ filters: [spy('fault', [], verdict)] });
    left.exchange.onAbort(gone);
    left.clock.advance(1000);
    assert.equal(left.stream.heads, 0);
    assert.equal(left.logged.length, 1);
  });

  test('a delay then goes on with the filters behind it, and does not count in the timeout', () => {
    const calls: string[] = [];
    const verdict = delaying(500, proceed);
    const made = startExchange({
      filters: [spy('fault', calls, verdict), spy('b', calls)],
      action: { timeoutMs: 400 },
      hasBody: true,
    });
    made.exchange.onData(Buffer.from('whole'), true);
    assert.deepEqual(calls, ['fault request']);
    made.clock.advance(500);
    assert.deepEqual(calls, ['fault request', 'b request']);
    assert.equal(made.upstream.last.body, 'whole');
    made.clock.advance(399);
    assert.equal(made.stream.heads, 0);
    made.clock.advance(1);
    assert.equal(made.stream.answer, '504 upstream request timeout');
  });
});

test('Expect: 100-continue is answered here, unless it is the upstream that is to answer it', () => {
  const setup: ExchangeSetup = { hasBody: true, request: { expectsContinue: true } };
  const ours = startExchange({ ...setup, service: { manager: aManager({ proxiesContinue: false }) } });
  assert.deepEqual([ours.stream.wasContinued, ours.exchange.request.expectsContinue], [true, false]);
  const theirs = startExchange(setup);
  assert.deepEqual([theirs.stream.wasContinued, theirs.exchange.request.expectsContinue], [false, true]);
});

describe('upgrades', () => {
  const socket = { request: { upgrade: 'WebSocket' }, headers: {} } as const;

  test('a 101 makes a tunnel: bytes both ways, no timeouts, over when the client ends it', () => {
    const made = startExchange({ ...socket, action: { timeoutMs: 1000 } });
    made.upstream.last.sink.onHead({ ...aResponse(101), upgrade: 'websocket' }, false);
    made.clock.advance(5000);
    made.exchange.onData(Buffer.from('ping'), false);
    made.upstream.last.sink.onData(Buffer.from('pong'), false);
    assert.equal(made.upstream.last.body, 'ping');
    assert.equal(made.stream.answer, '101 pong...');
    made.exchange.onData(Buffer.from('bye'), true);
    assert.equal(made.upstream.last.body, 'pingbye');
    assert.equal(made.upstream.last.isAborted, true);
    assert.equal(made.stream.isAborted, true);
    assert.equal(made.logged.length, 1);
    assert.equal(made.clock.pending, 0);
  });

  test('the host ends the tunnel', () => {
    const made = startExchange(socket);
    made.upstream.last.sink.onHead({ ...aResponse(101), upgrade: 'websocket' }, false);
    made.upstream.last.sink.onData(Buffer.from('bye'), true);
    assert.equal(made.stream.answer, '101 bye');
    assert.equal(made.logged.length, 1);
  });

  test('a host that declines answers as to any request', () => {
    const made = startExchange(socket);
    made.upstream.last.answer(400, 'no');
    assert.equal(made.stream.answer, '400 no');
  });
});

test('informational answers go on to the client', () => {
  const { upstream, stream } = startExchange({ hasBody: true });
  upstream.last.sink.onInformational(aResponse(100));
  upstream.last.sink.onInformational({ ...aResponse(103), headers: aHeaderMap({ link: '</a>' }) });
  assert.equal(stream.wasContinued, true);
  assert.deepEqual(stream.informational, [103]);
});
