import { parseDurationMs } from '../duration.ts';
import type { Field } from './field.ts';
import { checkCorsHeaderName, checkMethod } from './header-rules.ts';
import type { Report } from './report.ts';
import { checkDuration } from './scalar-rules.ts';
import { checkRegexOfMatch } from './string-match-rules.ts';

/** Istio's rules for `corsPolicy`. */
export function checkCors(policy: Field, report: Report): void {
  for (const origin of policy.get('allowOrigins').items) checkOrigin(origin, report);
  for (const method of policy.get('allowMethods').items) checkMethod(method, report);
  for (const name of policy.get('allowHeaders').items) checkCorsHeaderName(name, report);
  for (const name of policy.get('exposeHeaders').items) checkCorsHeaderName(name, report);
  const maxAge = policy.get('maxAge');
  checkDuration(maxAge, report);
  if ((parseDurationMs(maxAge.text) ?? 0) % 1000 !== 0)
    report.error(maxAge, 'max_age duration is accurate only to seconds precision');
}

function checkOrigin(origin: Field, report: Report): void {
  const isMatch = ['exact', 'prefix', 'regex'].some((name) => origin.get(name).text !== '');
  if (isMatch) checkRegexOfMatch(origin, report);
  else report.error(origin, 'is not a valid match type for CORS allow origins, set one of exact, prefix and regex');
}
