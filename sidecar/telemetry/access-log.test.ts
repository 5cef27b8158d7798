import assert from 'node:assert/strict';
import { istioJsonFormat, istioTextFormat } from '#shared/telemetry/access-log-formats.ts';
import { test } from 'node:test';
import { compileAccessLogFormat, compileFlagFilter, type AccessLogFormat } from './access-log.ts';
import { AccessRecord } from './access-record.ts';
import { aRequest, aResponse } from './heads.fixture.ts';
import { LogLines } from './log-lines.ts';

/** The request whose line is given in full below. */
function aRecord(): AccessRecord {
  const record = new AccessRecord();
  Object.assign(record, {
    startTimeMs: Date.UTC(2026, 10, 26, 1, 2, 3, 45),
    durationMs: 12.4,
    requestDurationMs: 1.2,
    responseDurationMs: 10.6,
    request: aRequest(
      { path: '/new?q=1' },
      {
        'x-envoy-original-path': '/old?q=1',
        'x-forwarded-for': '1.2.3.4',
        'user-agent': 'curl/8',
        'x-request-id': '0c9b5b1e-2b7b-4b7e-9c7e-1f2e3d4c5b6a',
      },
    ),
    response: aResponse(200, { 'x-envoy-upstream-service-time': '9', 'x-two': ['a', 'b'] }),
    protocol: 'HTTP/1.1',
    status: 200,
    details: 'via_upstream',
    bytesReceived: 5,
    bytesSent: 128,
    routeName: 'default',
    cluster: 'outbound|80||reviews.default.svc.cluster.local;',
    clusterRaw: 'outbound|80||reviews.default.svc.cluster.local',
    attempts: 1,
    upstreamHost: '10.0.0.9:9080',
    upstreamLocalAddress: '10.0.0.1:40000',
    downstreamLocalAddress: '10.96.0.10:80',
    downstreamRemoteAddress: '[::1]:5000',
  });
  return record;
}

function line(format: AccessLogFormat, record = aRecord()): string {
  const compiled = compileAccessLogFormat(format);
  assert(compiled.ok, JSON.stringify(compiled));
  const lines = new LogLines(Buffer.alloc(16));
  compiled.value(record, lines);
  return lines.bytes.toString();
}

const text = (template: string, record?: AccessRecord) => line({ kind: 'text', template }, record);

test("Istio's text format gives the exact line of a known request", () => {
  assert.equal(
    text(istioTextFormat),
    '[2026-11-26T01:02:03.045Z] "GET /old?q=1 HTTP/1.1" 200 - via_upstream - "-" 5 128 12 9 "1.2.3.4" "curl/8" ' +
      '"0c9b5b1e-2b7b-4b7e-9c7e-1f2e3d4c5b6a" "reviews" "10.0.0.9:9080" outbound|80||reviews.default.svc.cluster.local ' +
      '10.0.0.1:40000 10.96.0.10:80 [::1]:5000 - default\n',
  );
});

test('a connection without a request fills the text format with dashes', () => {
  const record = new AccessRecord();
  record.startTimeMs = 0;
  record.durationMs = 3;
  record.addFlag('UF');
  assert.equal(
    text(istioTextFormat, record),
    '[1970-01-01T00:00:00.000Z] "- - -" 0 UF - - "-" 0 0 3 - "-" "-" "-" "-" "-" - - - - - -\n',
  );
});

test("Istio's JSON format has the known keys, numbers as numbers and null for what is missing", () => {
  const parsed: unknown = JSON.parse(line({ kind: 'json', fields: istioJsonFormat }));
  assert.deepEqual(parsed, {
    start_time: '2026-11-26T01:02:03.045Z',
    route_name: 'default',
    method: 'GET',
    path: '/old?q=1',
    protocol: 'HTTP/1.1',
    response_code: 200,
    response_flags: '-',
    response_code_details: 'via_upstream',
    connection_termination_details: null,
    bytes_received: 5,
    bytes_sent: 128,
    duration: 12,
    upstream_service_time: '9',
    x_forwarded_for: '1.2.3.4',
    user_agent: 'curl/8',
    request_id: '0c9b5b1e-2b7b-4b7e-9c7e-1f2e3d4c5b6a',
    authority: 'reviews',
    upstream_host: '10.0.0.9:9080',
    upstream_cluster: 'outbound|80||reviews.default.svc.cluster.local',
    upstream_local_address: '10.0.0.1:40000',
    downstream_local_address: '10.96.0.10:80',
    downstream_remote_address: '[::1]:5000',
    requested_server_name: null,
    upstream_transport_failure_reason: null,
  });
});

test('JSON fields may nest, mix text with operators, and hold constants', () => {
  const fields = {
    a: { b: '%REQ(:METHOD)% took %DURATION%ms %REQ(X-NO)%' },
    n: 1,
    t: true,
    z: null,
    s: 'plain "quoted"',
  };
  assert.deepEqual(JSON.parse(line({ kind: 'json', fields })), {
    a: { b: 'GET took 12ms -' },
    n: 1,
    t: true,
    z: null,
    s: 'plain "quoted"',
  });
});

test('what a client sends cannot break out of its JSON field', () => {
  const record = aRecord();
  record.request = aRequest({ path: '/"},{\\' });
  assert.deepEqual(JSON.parse(line({ kind: 'json', fields: { path: '%REQ(:PATH)%' } }, record)), { path: '/"},{\\' });
});

const operators: [template: string, expected: string][] = [
  ['100%%', '100%'],
  ['%REQ(X-NO?USER-AGENT)%', 'curl/8'],
  ['%REQ(USER-AGENT):4%', 'curl'],
  ['%REQ(X-NO?X-NEITHER):4%', '-'],
  ['%RESP(X-TWO)% %RESP(:STATUS)%', 'a 200'],
  ['%TRAILER(GRPC-STATUS)%', '-'],
  ['%PATH(NQ)% %PATH(NQ:PATH)% %PATH(WQ:ORIG)%', '/old /new /old?q=1'],
  ['%START_TIME(%Y/%m/%dT%H:%M:%S.%3f %z)%', '2026/11/26T01:02:03.045 +0000'],
  ['%START_TIME(%s.%6f)%', '1795654923.045000'],
  ['%START_TIME(%FT%TZ %E3S)%', '2026-11-26T01:02:03Z 03.045'],
  ['%DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %REQUEST_TX_DURATION%', '12 1 11 2 -'],
  ['%UPSTREAM_CLUSTER%', 'outbound|80||reviews.default.svc.cluster.local;'],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%', '::1 5000'],
  ['%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '::1'],
  ['%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT%', '10.0.0.1 40000'],
  ['%UPSTREAM_REQUEST_ATTEMPT_COUNT% %DOWNSTREAM_PEER_URI_SAN%', '1 -'],
  ['%DYNAMIC_METADATA(istio:x)% %FILTER_STATE(a)% %GRPC_STATUS%', '- - -'],
  ['%RESPONSE_FLAGS_LONG% %FILTER_CHAIN_NAME%', '- -'],
];

test('a gRPC status has its name in two ways of writing, or its number', () => {
  const template =
    '%GRPC_STATUS% %GRPC_STATUS(CAMEL_STRING)% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%';
  const of = (grpcStatus: number) => text(template, Object.assign(aRecord(), { grpcStatus }));
  assert.equal(of(4), 'DeadlineExceeded DeadlineExceeded DEADLINE_EXCEEDED 4 4');
  assert.equal(of(77), '77 77 77 77 77');
});
for (const [template, expected] of operators) {
  test(`${template} prints ${expected}`, () => assert.equal(text(template), expected));
}

const refused: [template: string, message: RegExp][] = [
  ['%NO_SUCH_THING%', /the operator NO_SUCH_THING is not known/],
  ['%ENVIRONMENT(HOME)%', /ENVIRONMENT is not supported/],
  ['50% of %DURATION%', /not understood at position 2/],
  ['%REQ()%', /REQ: needs one header name/],
  ['%REQ(a?b?c)%', /REQ: needs one header name/],
  ['%START_TIME(%Q)%', /time format %Q/],
  ['%PATH(X)%', /takes WQ or NQ/],
  ['%GRPC_STATUS(UPPER)%', /takes CAMEL_STRING, SNAKE_STRING or NUMBER/],
];
for (const [template, message] of refused) {
  test(`${template} is refused by name`, () => {
    const compiled = compileAccessLogFormat({ kind: 'json', fields: { a: { b: template } } }, 'log');
    assert(!compiled.ok);
    assert.equal(compiled.problems[0]?.path, 'log.a.b');
    assert.match(compiled.problems[0].message, message);
  });
}

test('several flags print in the order in which they were set, each once, as Envoy does', () => {
  const record = new AccessRecord();
  record.addFlag('FI');
  record.addFlag('DI');
  record.addFlag('FI');
  assert.equal(text('%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', record), 'FI,DI FaultInjected,DelayInjected');
  assert.throws(() => record.addFlag('XX'), /unknown response flag XX/);
});

test('a log of some flags takes records with one of them, a log of any flag those with one at all', () => {
  const some = compileFlagFilter(['UF', 'UO']);
  const any = compileFlagFilter([]);
  assert(some.ok && any.ok);
  const record = new AccessRecord();
  assert.deepEqual([some.value(record), any.value(record)], [false, false]);
  record.addFlag('NR');
  assert.deepEqual([some.value(record), any.value(record)], [false, true]);
  record.addFlag('UO');
  assert.deepEqual([some.value(record), any.value(record)], [true, true]);
  assert(!compileFlagFilter(['UF', 'ZZ']).ok);
});
