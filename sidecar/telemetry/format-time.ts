const pad = (value: number, width: number): string => String(value).padStart(width, '0');
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

type Part = (date: Date) => string;

const fields: Readonly<Record<string, Part>> = {
  Y: (d) => String(d.getUTCFullYear()),
  y: (d) => pad(d.getUTCFullYear() % 100, 2),
  m: (d) => pad(d.getUTCMonth() + 1, 2),
  d: (d) => pad(d.getUTCDate(), 2),
  e: (d) => String(d.getUTCDate()).padStart(2, ' '),
  H: (d) => pad(d.getUTCHours(), 2),
  M: (d) => pad(d.getUTCMinutes(), 2),
  S: (d) => pad(d.getUTCSeconds(), 2),
  F: (d) => d.toISOString().slice(0, 10),
  T: (d) => d.toISOString().slice(11, 19),
  b: (d) => monthNames[d.getUTCMonth()] ?? '',
  a: (d) => dayNames[d.getUTCDay()] ?? '',
  s: (d) => String(Math.floor(d.getTime() / 1000)),
  f: (d) => fraction(d, 9),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

/** Compiles a `strftime` format with Envoy's additions (`%3f`, `%E3S`, `%E*S`), in UTC; null if it has an unknown field. */
export function compileTimeFormat(format: string): ((epochMs: number) => string) | null {
  const parts: Part[] = [];
  let rest = format;
  while (rest !== '') {
    const part = /^%(?:([1-9])f|E([1-9*])([Sf])|(.))|^[^%]+/.exec(rest);
    if (part === null) return null;
    const compiled = rest.startsWith('%') ? compileField(part) : () => part[0];
    if (compiled === null) return null;
    parts.push(compiled);
    rest = rest.slice(part[0].length);
  }
  return (epochMs) => {
    const date = new Date(epochMs);
    return parts.map((part) => part(date)).join('');
  };
}

function compileField([, digits, extended, unit, field]: RegExpExecArray): Part | null {
  if (digits !== undefined) return (date) => fraction(date, Number(digits));
  if (extended !== undefined) {
    const width = extended === '*' ? 3 : Number(extended);
    return unit === 'f'
      ? (date) => fraction(date, width)
      : (date) => `${pad(date.getUTCSeconds(), 2)}.${fraction(date, width)}`;
  }
  return fields[field ?? ''] ?? null;
}

/** The fraction of the second with so many digits; our clock knows milliseconds. */
function fraction(date: Date, digits: number): string {
  return pad(date.getUTCMilliseconds(), 3).padEnd(9, '0').slice(0, digits);
}

let secondOf = -1;
let secondText = '';
let msOf = -1;
let msText = '';

/** `2026-11-26T01:02:03.456Z`; what was said last is kept, and the part of it down to the second. */
export function formatIsoTime(epochMs: number): string {
  if (epochMs === msOf) return msText;
  const second = Math.floor(epochMs / 1000);
  if (second !== secondOf) {
    secondOf = second;
    secondText = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const ms = Math.floor(epochMs) - second * 1000;
  msOf = epochMs;
  msText = secondText + (ms < 10 ? '00' : ms < 100 ? '0' : '') + ms + 'Z';
  return msText;
}
