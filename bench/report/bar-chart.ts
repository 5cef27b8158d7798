/** A bar chart as SVG, as GitHub shows it in a page: no script, no style sheet, a white ground for dark pages. Pure. */
import type { Spread } from '../summary.ts';

export type Bar = Readonly<{ label: string; value: Spread; isOurs: boolean }>;
export type BarChart = Readonly<{ title: string; unit: string; digits: number; bars: readonly Bar[] }>;

const width = 760;
const labelWidth = 170;
const valueWidth = 90;
const top = 44;
const rowHeight = 26;
const barHeight = 16;

/** Draws a bar for each median, with a line from the least to the greatest. */
export function barChart({ title, unit, digits, bars }: BarChart): string {
  const height = top + bars.length * rowHeight + 12;
  const greatest = Math.max(...bars.map(({ value }) => value.max), 0) || 1;
  const scale = (value: number) => round((Math.max(0, value) / greatest) * (width - labelWidth - valueWidth));
  const rows = bars.flatMap((bar, index) => rowOf(bar, top + index * rowHeight, { scale, digits }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="12" y="20" font-size="15" fill="#1f2328">${escape(title)}</text>`,
    `<text x="12" y="36" font-size="11" fill="#59636e">${escape(unit)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

type Drawing = Readonly<{ scale: (value: number) => number; digits: number }>;

function rowOf({ label, value, isOurs }: Bar, y: number, { scale, digits }: Drawing): string[] {
  const middle = y + barHeight / 2 + 2;
  const [from, to] = [labelWidth + scale(value.min), labelWidth + scale(value.max)];
  const spread =
    value.min === value.max ? [] : [`<path d="M${from} ${middle}H${to}" stroke="#1f2328" stroke-width="1.5"/>`];
  return [
    `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end" fill="#1f2328">${escape(label)}</text>`,
    `<rect x="${labelWidth}" y="${y + 2}" width="${scale(value.median)}" height="${barHeight}" fill="${isOurs ? '#0969da' : '#afb8c1'}"/>`,
    ...spread,
    `<text x="${round(to + 6)}" y="${middle + 4}" fill="#1f2328">${value.median.toFixed(digits)}</text>`,
  ];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
