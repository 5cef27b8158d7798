import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figures } from '../figures.ts';
import { scenarios } from '../scenarios/catalog.ts';
import { summarize } from '../summary.ts';
import { barChart } from './bar-chart.ts';
import { renderReport } from './markdown.ts';
import { formatTable, markdownTable, tableOf } from './table.ts';

const summaryOf = (name: string, ...runs: Figures[]) =>
  summarize(
    name,
    `about ${name}`,
    runs.map((figures) => ({ figures, errors: '', foreignCores: 0.04 })),
  );
const columns = ['cpuUs', 'p99Us'] as const;
const summaries = [
  summaryOf('direct', { p99Us: 213 }),
  summaryOf('tulle', { cpuUs: 20, p99Us: 1000 }, { cpuUs: 22, p99Us: 1200 }, { cpuUs: 21, p99Us: 1100 }),
  summaryOf('envoy-full', { cpuUs: 42, p99Us: 4000 }),
];

test('a table has the range where there is one, and the ratio to Envoy of its first column', () => {
  assert.deepEqual(tableOf({ columns }, summaries), [
    ['target', 'us/hop', 'of envoy-full', 'p99 us', 'runs', 'foreign'],
    ['direct', '-', '-', '213', '1', '0.04'],
    ['tulle', '21.0 [20.0..22.0]', '0.50', '1100 [1000..1200]', '3', '0.04'],
    ['envoy-full', '42.0', '1.00', '4000', '1', '0.04'],
  ]);
});

test('without Envoy there is no ratio', () => {
  assert.deepEqual(tableOf({ columns }, summaries.slice(0, 1))[0], ['target', 'us/hop', 'p99 us', 'runs', 'foreign']);
});

test('rows are even in the terminal, and a table in Markdown', () => {
  const rows = [
    ['target', 'us'],
    ['a', '10.5'],
  ];
  assert.equal(formatTable(rows), 'target    us\na       10.5');
  assert.equal(markdownTable(rows), '| target | us |\n| --- | ---: |\n| a | 10.5 |');
});

test('a chart draws bars to scale, the range as a line, and escapes names', () => {
  const svg = barChart({
    title: 'a < b',
    unit: 'us',
    digits: 1,
    bars: [
      { label: 'tulle', value: { median: 50, min: 40, max: 100 }, isOurs: true },
      { label: 'nginx', value: { median: 25, min: 25, max: 25 }, isOurs: false },
    ],
  });
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="760" height="108"/);
  assert.match(svg, /<title>a &lt; b<\/title>/);
  assert.match(svg, /<rect x="170" y="46" width="250" height="16" fill="#0969da"\/>/);
  assert.match(svg, /<path d="M370 54H670"/);
  assert.match(svg, /<rect x="170" y="72" width="125" height="16" fill="#afb8c1"\/>/);
  assert.equal(svg.match(/<path/g)?.length, 1);
});

test('a chart of nothing but zeros is still a chart', () => {
  const bars = [{ label: 'x', value: { median: 0, min: 0, max: 0 }, isOurs: false }];
  assert.match(barChart({ title: 't', unit: 'u', digits: 0, bars }), /width="0" height="16"/);
});

test('a page has goals, tables, plots beside it, who was skipped and why, and the machine', () => {
  const scenario = scenarios.find(({ name }) => name === 'http1');
  assert.ok(scenario);
  const result = { scenario, summaries, skipped: [{ name: 'haproxy', reason: 'no haproxy' }] };
  const at = new Date('2026-11-26T05:00:00Z');
  const times = { seconds: 5, warmUpSeconds: 3 };
  const { page, plots } = renderReport({ results: [result], times, facts: ['two cores'], at }, '2026-11-26T05-00');
  assert.match(page, /^# Bench of 2026-11-26 05:00 UTC\n/);
  assert.match(page, /\n- two cores\n/);
  assert.match(page, /- `http1`: tulle, us\/hop: 0.50 of envoy-full's; goal at most 0.45: MISSED\n/);
  assert.match(page, /- `haproxy` skipped: no haproxy\n/);
  assert.match(page, /!\[http1-us-hop\]\(2026-11-26T05-00\/http1-us-hop.svg\)/);
  assert.match(page, /- `tulle`: about tulle\n/);
  assert.deepEqual(
    plots.map(({ name }) => name),
    ['http1-us-hop.svg', 'http1-p99-us.svg'],
  );
});
