import type { Field } from './field.ts';
import { checkHttpStatus } from './fault-rules.ts';
import type { Report } from './report.ts';
import { checkPort } from './scalar-rules.ts';
import { checkRegex } from './string-match-rules.ts';

const kilobyte = 1024;
const maxBodyBytes = 1024 * kilobyte;
const largeBodyBytes = 100 * kilobyte;

/** Istio's rules for `redirect`. */
export function checkRedirect(redirect: Field, report: Report): void {
  if (!redirect.isObject) return;
  const isEmpty = ['uri', 'authority', 'scheme'].every((name) => redirect.get(name).text === '');
  if (isEmpty && !redirect.get('port').isSet && !redirect.get('derivePort').isSet)
    report.error(redirect, 'redirect must specify URI, authority, scheme, or port');
  const code = redirect.get('redirectCode');
  if (code.number !== 0 && (code.number < 300 || code.number > 399))
    report.error(code, `${code.number} is not a valid redirect code, must be 3xx`);
  const scheme = redirect.get('scheme');
  if (!['', 'http', 'https'].includes(scheme.text))
    report.error(scheme, 'invalid redirect scheme, must be "http" or "https"');
  if (redirect.get('port').number !== 0) checkPort(redirect.get('port'), report);
}

/** Istio's rules for `rewrite`. */
export function checkRewrite(rewrite: Field, report: Report): void {
  if (!rewrite.isObject) return;
  const regex = rewrite.get('uriRegexRewrite');
  const hasUri = rewrite.get('uri').text !== '';
  if (hasUri && regex.isSet) report.error(regex, 'rewrite may only contain one of uri or uriRegexRewrite');
  if (!hasUri && !regex.isSet && rewrite.get('authority').text === '')
    report.error(rewrite, 'rewrite must specify at least one of uri, uriRegexRewrite, or authority');
  if (!regex.isObject) return;
  for (const name of ['match', 'rewrite']) {
    if (regex.get(name).text === '')
      report.error(regex.get(name), 'uriRegexRewrite requires both rewrite and match fields to be specified');
  }
  if (regex.get('match').text !== '') checkRegex(regex.get('match'), report);
}

/** Istio's rules for `directResponse`. */
export function checkDirectResponse(response: Field, report: Report): void {
  if (!response.isObject) return;
  checkHttpStatus(response.get('status'), report);
  const body = response.get('body');
  const bytes = Buffer.byteLength(body.get('string').text) + Buffer.byteLength(body.get('bytes').text, 'base64');
  if (bytes > maxBodyBytes) report.error(body, 'direct response must be less than 1MB');
  else if (bytes > largeBodyBytes) report.warn(body, 'large direct responses may impact control plane performance');
}
