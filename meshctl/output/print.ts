/** Output in the formats that kubectl has: table, wide, json, yaml, jsonl, name. Data goes to stdout, messages to stderr. */
import { stringify } from 'yaml';
import type { OutputFormat } from './formats.ts';
import { formatTable } from './table.ts';

/** A column of a table: its head and the cell of an item. `wide`: only with `-o wide`. */
export type Column<T> = Readonly<{ head: string; cell: (item: T) => string; wide?: boolean }>;

/** How a list of one kind of item is shown. */
export type ListView<T> = Readonly<{ columns: readonly Column<T>[]; name: (item: T) => string }>;

/** The text of a list in a format. */
export function formatList<T>(
  items: readonly T[],
  view: ListView<T>,
  format: OutputFormat,
  withHeaders = true,
): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(items, null, 2)}\n`;
    case 'yaml':
      return stringify(items);
    case 'jsonl':
      return items.map((item) => `${JSON.stringify(item)}\n`).join('');
    case 'name':
      return items.map((item) => `${view.name(item)}\n`).join('');
    case 'table':
    case 'wide': {
      const columns = view.columns.filter((column) => format === 'wide' || column.wide !== true);
      const rows = items.map((item) => columns.map((column) => column.cell(item)));
      return formatTable(withHeaders ? [columns.map((column) => column.head), ...rows] : rows);
    }
  }
}

/** One object in a structured format; tables are the caller's business. */
export function formatObject(value: unknown, format: OutputFormat): string {
  return format === 'json' || format === 'jsonl'
    ? `${JSON.stringify(value, null, format === 'json' ? 2 : undefined)}\n`
    : stringify(value);
}
