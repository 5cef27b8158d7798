import { problem } from '#shared/runtime/result.ts';
import type { CompileScope } from './regex.ts';

/**
 * Text of the configuration as heads hold it: one character an octet, UTF-8. What would end a header line is a problem.
 */
export function wireText(text: string, scope: CompileScope): string {
  if (/[\0\r\n]/.test(text)) scope.problems.push(problem(scope.path, 'may not hold line breaks or NUL'));
  return toWire(text);
}

/** UTF-8 octets as characters; most text is ASCII and stays the same string. */
export function toWire(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Whether a text may be the name of a header field (RFC 9110 5.6.2). */
export function isFieldName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}
