import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** One PEM block around DER bytes. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The blocks under a label, in order; at least one. Text around the blocks is skipped, another label is refused. */
export function decodePem(text: string, label: string, path: string): Result<[Buffer, ...Buffer[]]> {
  const blocks = [...text.matchAll(block)];
  const problems: Problem[] = [];
  const found: Buffer[] = [];
  for (const [index, [, name = '', body = '']] of blocks.entries()) {
    const base64 = body.replace(/\s/g, '');
    const at = `${path}[${index}]`;
    if (name !== label) problems.push(problem(at, `a PEM block '${name}' where '${label}' is expected`, 'pem_label'));
    else if (!isBase64(base64)) problems.push(problem(at, 'not base64', 'pem_base64'));
    else found.push(Buffer.from(base64, 'base64'));
  }
  if (text.split('-----BEGIN ').length - 1 !== blocks.length)
    problems.push(problem(path, 'a PEM block that is cut off or malformed', 'pem_malformed'));
  const [first, ...rest] = found;
  if (problems.length > 0) return fail(problems);
  if (first === undefined) return fail([problem(path, `no PEM block '${label}'`, 'pem_missing')]);
  return ok([first, ...rest]);
}

/** The blocks under a label as they stand in the text; what else is there is left aside. */
export function selectPem(text: string, label: string): string {
  return [...text.matchAll(block)].flatMap(([whole, name]) => (name === label ? [`${whole}\n`] : [])).join('');
}

/** Canonical base64 of at least one byte: anything else decodes differently in different readers. */
function isBase64(text: string): boolean {
  return text.length > 0 && text.length % 4 === 0 && Buffer.from(text, 'base64').toString('base64') === text;
}
