/**
 * What routing and telemetry cost a request: nanoseconds of CPU per operation, median of five rounds.
 *   node bench/micro/routing.ts
 */
import { HeaderMap } from '../../sidecar/http1/header-map.ts';
import type { RequestHead } from '../../sidecar/http1/message.ts';
import { compileFilters } from '../../sidecar/filters/order.ts';
import { HeaderHygiene } from '../../sidecar/filters/header-hygiene.ts';
import { aContext, aTls } from '../../sidecar/filters/contexts.fixture.ts';
import { normalizePath } from '../../sidecar/routing/path.ts';
import { aForward, aRoute, aTable, aVirtualHost, compiled } from '../../sidecar/routing/routes.fixture.ts';
import { istioJsonFormat, istioTextFormat } from '#shared/telemetry/access-log-formats.ts';
import { compileAccessLogFormat } from '../../sidecar/telemetry/access-log.ts';
import { LogLines } from '../../sidecar/telemetry/log-lines.ts';
import { AccessRecord } from '../../sidecar/telemetry/access-record.ts';
import { observeRequest, SeriesRegistry } from '../../sidecar/telemetry/series.ts';
import { startSpan } from '../../sidecar/telemetry/tracing.ts';
import { seededRandom } from '#shared/runtime/random.ts';

const rounds = 5;

function bench(name: string, count: number, operation: (i: number) => unknown): void {
  let kept: unknown;
  for (let i = 0; i < count / 5; i++) kept = operation(i);
  const costs = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) kept = operation(i);
    const used = process.cpuUsage(before);
    return ((used.user + used.system) * 1000) / count;
  }).toSorted((a, b) => a - b);
  if (kept === bench) throw new Error('never: it keeps results from being optimised away');
  console.log(name.padEnd(64), (costs[rounds >> 1] ?? 0).toFixed(0).padStart(7), 'ns');
}

const lines: [string, string][] = [
  ['user-agent', 'curl/8.5.0'],
  ['accept', '*/*'],
  ['x-request-id', '0c9b5b1e-2b7b-4b7e-9c7e-1f2e3d4c5b6a'],
  ['x-forwarded-proto', 'http'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
];

/** A head whose fields are bytes, as the codec leaves them. */
function aHead(authority: string, path: string): RequestHead {
  const bytes = Buffer.from(lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''));
  const offsets: number[] = [];
  let at = 0;
  for (const [name, value] of lines) {
    offsets.push(at, at + name.length, at + name.length + 2, at + name.length + 2 + value.length);
    at += name.length + value.length + 4;
  }
  const head = { method: 'GET', path, authority, scheme: 'http', version: 'HTTP/1.1' as const };
  const rest = { upgrade: null, contentLength: 0, expectsContinue: false, isAbsoluteForm: false };
  return { ...head, ...rest, headers: new HeaderMap(bytes, offsets) };
}

const hosts = Array.from({ length: 1000 }, (_, i) => `service-${i}.default.svc.cluster.local`);
const routes = Array.from({ length: 10 }, (_, i) =>
  aRoute(i === 9 ? '/*' : `/api/v${i}/*`, { action: aForward(`cluster-${i}`) }),
);
const table = compiled(
  aTable([
    ...hosts.map((host) => aVirtualHost([host, `${host}.`], routes)),
    aVirtualHost(['*.example.com'], routes),
    aVirtualHost(['*'], routes),
  ]),
);
const random = seededRandom(1);
const context = { random, isGrpc: false };
const heads = Array.from({ length: 256 }, (_, i) =>
  aHead(hosts[(i * 37) % 1000] ?? '', i % 2 === 0 ? '/api/v4/users?id=7' : '/other'),
);
const at = (i: number): RequestHead => heads[i & 255] ?? aHead('', '');

/** Heads are changed in place, so each operation gets its own. */
const copyOf = (head: RequestHead): RequestHead => ({ ...head, headers: head.headers.clone() });

console.log('table of 1002 virtual hosts with 10 routes each');
bench('find: exact host, 5th or 10th route', 2e6, (i) => table.find(at(i), context));
const withPorts = heads.map((head) => ({ ...head, authority: `${head.authority}:8080` }));
bench('find: exact host with a port to ignore', 2e6, (i) => table.find(withPorts[i & 255] ?? at(i), context));
const wild = heads.map((head, i) => ({ ...head, authority: `host-${i}.example.com` }));
bench('find: wildcard host', 2e6, (i) => table.find(wild[i & 255] ?? at(i), context));
const byHeader = {
  match: {
    headers: [
      {
        name: 'x-user',
        match: { kind: 'exact', value: 'jason', ignoreCase: false },
        invert: false,
        treatMissingAsEmpty: false,
      },
    ],
  },
} as const;
const headerTable = compiled(
  aTable([
    aVirtualHost(
      ['*'],
      [
        ...routes.slice(0, 9).map((route) => ({ ...route, match: { ...aRoute('/*').match, ...byHeader.match } })),
        aRoute('/*'),
      ],
    ),
  ]),
);
bench('find: 9 routes that want a header which is not there', 1e6, (i) => headerTable.find(at(i), context));
bench('normalizePath: nothing to do', 2e6, () =>
  normalizePath('/api/v4/users?id=7', { normalizePath: true, mergeSlashes: false, escapedSlashes: 'keep' }),
);

const record = new AccessRecord();
Object.assign(record, {
  startTimeMs: Date.now(),
  durationMs: 12.4,
  request: at(0),
  protocol: 'HTTP/1.1',
  status: 200,
  details: 'via_upstream',
  routeName: 'default',
  clusterRaw: 'outbound|80||reviews.default.svc.cluster.local',
  upstreamHost: '10.0.0.9:9080',
  upstreamLocalAddress: '10.0.0.1:40000',
  downstreamLocalAddress: '10.96.0.10:80',
  downstreamRemoteAddress: '10.0.0.1:5000',
});
const memory = Buffer.alloc(64 * 1024);
const logLines = new LogLines(memory);
for (const format of [
  { kind: 'text', template: istioTextFormat },
  { kind: 'json', fields: istioJsonFormat },
] as const) {
  const line = compileAccessLogFormat(format);
  if (line.ok) {
    bench(`access log line, Istio's ${format.kind} format`, 5e5, () => {
      record.startTimeMs++;
      if (logLines.length > 60_000) logLines.restart(memory);
      return line.value(record, logLines);
    });
  }
}

const group = new SeriesRegistry().group({ reporter: 'source' }, 'unknown');
const statuses = [200, 200, 200, 404];
bench('metrics: find the series and count one request', 5e6, (i) =>
  observeRequest(group.request(statuses[i & 3] ?? 200, -1, false, 0), i % 100, (i * 7) % 1000, (i * 3) % 1000),
);
const sampling = { randomSampling: 1, overallSampling: 100, clientSampling: 100 };
bench('copy of a head (part of the next lines)', 1e6, (i) => copyOf(at(i)));
bench('tracing: go on with a traceparent', 1e6, (i) => startSpan(copyOf(at(i)), sampling, random));

const hygiene = new HeaderHygiene({
  serverName: 'istio-envoy',
  serverHeader: 'overwrite',
  useRemoteAddress: false,
  skipXffAppend: false,
  xffTrustedHops: 0,
  generateRequestId: true,
  preserveExternalRequestId: false,
  forwardClientCert: 'append_forward',
  clientCertDetails: { subject: true, cert: false, chain: false, dns: true, uri: true },
  normalizePath: true,
  mergeSlashes: false,
  escapedSlashes: 'keep',
  stripPort: 'none',
  schemeOverwrite: null,
});
const tls = aTls();
bench('hygiene: prepare a request', 5e5, (i) => {
  const head = copyOf(at(i));
  return hygiene.prepareRequest(head, { remoteAddress: '10.0.0.1', localPort: 80, tls });
});
const rbac = compileFilters([
  {
    kind: 'rbac',
    config: {
      action: 'ALLOW',
      policies: Array.from({ length: 5 }, (_, i) => ({
        name: `p${i}`,
        permissions: [{ kind: 'path', path: { kind: 'prefix', value: '/api', ignoreCase: false } }],
        principals: [
          {
            kind: 'authenticated',
            name: {
              kind: 'exact',
              value: `spiffe://cluster.local/ns/default/sa/${i === 4 ? 'client' : i}`,
              ignoreCase: false,
            },
          },
        ],
      })),
    },
  },
]);
const [filter] = rbac.ok ? rbac.value : [];
const filterContext = aContext({ request: at(0), tls });
bench('rbac: the last of five ALLOW policies matches', 2e6, () => filter?.onRequest(filterContext));
