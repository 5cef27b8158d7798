import type { Field } from './field.ts';
import { faultOfRe2 } from './re2-syntax.ts';
import type { Report } from './report.ts';

const maxRegex = 1024;

/** A regular expression: not empty, not too long, of RE2's syntax. */
export function checkRegex(field: Field, report: Report): void {
  if (field.text === '') return report.error(field, 'regex string match should not be empty');
  if (Buffer.byteLength(field.text) > maxRegex)
    return report.error(field, `regex is too large, max length allowed is ${maxRegex}`);
  const fault = faultOfRe2(field.text);
  if (fault !== null) report.error(field, `${fault}: ${JSON.stringify(field.text)} is not a regular expression of RE2`);
}

/** `exact`, `prefix` or `regex`, where an empty prefix would match nothing. */
export function checkStringMatch(match: Field, report: Report): void {
  const prefix = match.get('prefix');
  if (prefix.isSet && prefix.text === '') report.error(prefix, 'prefix string match should not be empty');
  checkRegexOfMatch(match, report);
}

/** `exact`, `prefix` or `regex`, where an empty prefix matches all. */
export function checkRegexOfMatch(match: Field, report: Report): void {
  const regex = match.get('regex');
  if (regex.isSet) checkRegex(regex, report);
}
