import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

/**
 * Labels or annotations as the kubelet writes them into a volume: a line each, `key="value"`, the value quoted as Go's `%q` does. Lines
 * that are no such pair are passed over, as Istio's agent does (`ParseDownwardAPI`); a value that is not quoted well is refused.
 */
export function parseDownwardApi(file: string, text: string): Result<Readonly<Record<string, string>>> {
  const problems: Problem[] = [];
  const pairs: [string, string][] = [];
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals === -1) continue;
    const key = line.slice(0, equals);
    const value = unquote(line.slice(equals + 1));
    if (value === null) problems.push(problem(file, `the value of ${key} is not quoted as Go does`));
    else pairs.push([key, value]);
  }
  return problems.length === 0 ? ok(Object.fromEntries(pairs)) : fail(problems);
}

const simple: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  '"': 34,
};

const piece = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|[^"\\\n]+/y;

/** What a double-quoted string of Go says; null: it is none. `\x` and octal escapes are bytes, which together may be UTF-8. */
function unquote(quoted: string): string | null {
  if (quoted.length < 2 || !quoted.startsWith('"') || !quoted.endsWith('"')) return null;
  const inside = quoted.slice(1, -1);
  const bytes: Buffer[] = [];
  piece.lastIndex = 0;
  while (piece.lastIndex < inside.length) {
    const match = piece.exec(inside);
    if (match === null) return null;
    const [all, letter, hex, octal, short, long] = match;
    const point = short ?? long;
    if (letter !== undefined) bytes.push(Buffer.of(simple[letter] ?? 0));
    else if (hex !== undefined) bytes.push(Buffer.of(Number.parseInt(hex, 16)));
    else if (octal !== undefined) bytes.push(Buffer.of(Number.parseInt(octal, 8)));
    else if (point === undefined) bytes.push(Buffer.from(all));
    else {
      const code = Number.parseInt(point, 16);
      if (code > 0x10_ff_ff || (code >= 0xd8_00 && code < 0xe0_00)) return null;
      bytes.push(Buffer.from(String.fromCodePoint(code)));
    }
  }
  return Buffer.concat(bytes).toString('utf8');
}
