import {
  histogramBounds,
  metricNames,
  pairLabelNames,
  requestLabelNames,
  tcpLabelNames,
} from '#shared/telemetry/metric-names.ts';
import type { SeriesEntry, SlabView } from './series.ts';
import { messageCells, requestCells, tcpCells } from './series.ts';

/** A family of metrics that somebody else keeps, read at scrape. */
export type MetricFamily = Readonly<{
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** `suffix`: of a histogram, which of its numbers (`_bucket`, `_sum`, `_count`). */
  samples: () => Iterable<Readonly<{ suffix?: string; labels: Readonly<Record<string, string>>; value: number }>>;
}>;

type Summed = { labels: string; values: Float64Array };
type Counter = Readonly<{ name: string; help: string; cell: number }>;

const requestCounters: readonly Counter[] = [
  { name: metricNames.requests, help: 'Requests handled.', cell: requestCells.requests },
];
const messageCounters: readonly Counter[] = [
  { name: metricNames.requestMessages, help: 'gRPC messages received from clients.', cell: messageCells.requests },
  { name: metricNames.responseMessages, help: 'gRPC messages sent to clients.', cell: messageCells.responses },
];
const histograms = [
  { name: metricNames.requestDuration, help: 'Duration of requests.', cell: requestCells.duration },
  { name: metricNames.requestBytes, help: 'Sizes of request bodies.', cell: requestCells.requestBytes },
  { name: metricNames.responseBytes, help: 'Sizes of response bodies.', cell: requestCells.responseBytes },
];
const tcpCounters: readonly Counter[] = [
  { name: metricNames.tcpOpened, help: 'TCP connections opened.', cell: tcpCells.opened },
  { name: metricNames.tcpClosed, help: 'TCP connections closed.', cell: tcpCells.closed },
  { name: metricNames.tcpSent, help: 'Bytes sent on TCP connections.', cell: tcpCells.sent },
  {
    name: metricNames.tcpReceived,
    help: 'Bytes received on TCP connections.',
    cell: tcpCells.received,
  },
];

/** The metrics of all workers, summed, and the extra families, in Prometheus' text format. */
export function renderPrometheus(slabs: readonly SlabView[], extra: readonly MetricFamily[]): string {
  const requests = sumSeries(slabs, 'request', requestCells.responseBytes + histogramBounds.length + 2);
  const messages = sumSeries(slabs, 'messages', Object.keys(messageCells).length);
  const connections = sumSeries(slabs, 'tcp', Object.keys(tcpCells).length);
  return [
    ...requestCounters.map((counter) => renderCounter(counter, requests)),
    ...messageCounters.map((counter) => renderCounter(counter, messages)),
    ...histograms.map((histogram) => renderHistogram(histogram, requests)),
    ...tcpCounters.map((counter) => renderCounter(counter, connections)),
    ...extra.map(renderFamily),
  ].join('');
}

const labelNames = { request: requestLabelNames, messages: pairLabelNames, tcp: tcpLabelNames } as const;

function sumSeries(slabs: readonly SlabView[], kind: SeriesEntry['kind'], size: number): readonly Summed[] {
  const sums = new Map<string, Summed>();
  const names = labelNames[kind];
  for (const { cells, entries } of slabs) {
    for (const entry of entries) {
      if (entry.kind !== kind) continue;
      const labels = names.map((name, index) => `${name}="${escapeLabel(entry.labels[index] ?? '')}"`).join(',');
      const sum = sums.get(labels) ?? { labels, values: new Float64Array(size) };
      sums.set(labels, sum);
      for (let i = 0; i < size; i++) sum.values[i] = (sum.values[i] ?? 0) + (cells[entry.first + i] ?? 0);
    }
  }
  return [...sums.values()];
}

const heading = (name: string, help: string, type: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

function renderCounter({ name, help, cell }: Counter, series: readonly Summed[]): string {
  const lines = series.map(({ labels, values }) => `${name}{${labels}} ${values[cell] ?? 0}\n`);
  return lines.length === 0 ? '' : heading(name, help, 'counter') + lines.join('');
}

function renderHistogram(
  { name, help, cell }: Readonly<{ name: string; help: string; cell: number }>,
  series: readonly Summed[],
): string {
  if (series.length === 0) return '';
  return heading(name, help, 'histogram') + series.map((one) => renderBuckets(name, one, cell)).join('');
}

function renderBuckets(name: string, { labels, values }: Summed, cell: number): string {
  let count = 0;
  let lines = '';
  for (let i = 0; i <= histogramBounds.length; i++) {
    count += values[cell + i] ?? 0;
    lines += `${name}_bucket{${labels},le="${histogramBounds[i] ?? '+Inf'}"} ${count}\n`;
  }
  const sum = values[cell + histogramBounds.length + 1] ?? 0;
  return `${lines}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}

function renderFamily({ name, help, type, samples }: MetricFamily): string {
  let lines = '';
  for (const { suffix = '', labels, value } of samples()) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    lines += `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  }
  return lines === '' ? '' : heading(name, help, type) + lines;
}

function escapeLabel(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('"', String.raw`\"`);
}
