import { isDnsLabelAnyCase } from '../dns-name.ts';
import { checkWeightedDestinations } from './destination-rules.ts';
import type { Field } from './field.ts';
import { checkGatewayNames } from './gateway-name-rules.ts';
import { checkAuthorityRewrite, checkHeaderOperations, checkMatchedHeaderName } from './header-rules.ts';
import { checkCors } from './cors-rules.ts';
import { checkFault } from './fault-rules.ts';
import { checkDirectResponse, checkRedirect, checkRewrite } from './http-action-rules.ts';
import { checkLabels } from './label-rules.ts';
import { checkMirrors } from './mirror-rules.ts';
import type { Report } from './report.ts';
import { checkRetries } from './retry-rules.ts';
import { checkDuration, checkPort } from './scalar-rules.ts';
import { checkRegexOfMatch, checkStringMatch } from './string-match-rules.ts';

/** What kind of VirtualService a route stands in. */
export type HttpRouteContext = Readonly<{ isDelegate: boolean; isOfGateway: boolean }>;

/** Istio's rules for `spec.http[]`. */
export function checkHttpRoute(route: Field, context: HttpRouteContext, report: Report): void {
  checkConflicts(route, context, report);
  for (const match of route.get('match').items) checkMatch(match, context, report);
  checkHeaderOperations(route.get('headers'), report);
  checkCors(route.get('corsPolicy'), report);
  checkFault(route.get('fault'), report);
  checkMirrors(route, report);
  checkRedirect(route.get('redirect'), report);
  checkDirectResponse(route.get('directResponse'), report);
  checkRetries(route.get('retries'), report);
  checkRewrite(route.get('rewrite'), report);
  checkAuthorityRewrite(route.get('rewrite'), route.get('headers'), report);
  checkWeightedDestinations(route.get('route'), report);
  checkDuration(route.get('timeout'), report);
}

/** What a rule does with a request: one of route, redirect, direct response and delegation. */
function checkConflicts(route: Field, { isDelegate }: HttpRouteContext, report: Report): void {
  const delegate = route.get('delegate');
  if (delegate.isSet && isDelegate) report.error(delegate, 'delegate HTTP route cannot contain delegate');
  if (delegate.isSet && !isDelegate) return checkRoot(route, report);
  const answer = ['redirect', 'directResponse'].find((name) => route.get(name).isSet);
  if (answer === undefined) {
    if (route.get('route').items.length === 0)
      report.error(route.get('route'), 'HTTP route, redirect or direct_response is required');
    return;
  }
  const others = ['route', 'fault', 'rewrite', 'redirect', 'directResponse'].filter((name) => name !== answer);
  for (const name of others) {
    const other = route.get(name);
    const isThere = name === 'route' ? other.items.length > 0 : other.isSet;
    if (isThere) report.error(other, `HTTP route cannot contain both ${name} and ${answer}`);
  }
}

function checkRoot(route: Field, report: Report): void {
  for (const name of ['redirect', 'route']) {
    const other = route.get(name);
    if (other.isSet) report.error(other, `root HTTP route (one with a delegate) must not specify ${name}`);
  }
}

function checkMatch(match: Field, { isOfGateway }: HttpRouteContext, report: Report): void {
  for (const [name, value] of match.get('headers').entries) {
    if (!value.isSet) report.error(value, `header match ${name} cannot be null, write {} for presence`);
    checkMatchedHeaderName(name, value, isOfGateway, report);
    checkStringMatch(value, report);
  }
  for (const [name, value] of match.get('withoutHeaders').entries) {
    checkMatchedHeaderName(name, value, isOfGateway, report);
    // `*` is no regular expression but stands for presence.
    if (value.get('regex').text !== '*') checkStringMatch(value, report);
  }
  checkRegexOfMatch(match.get('uri'), report);
  for (const name of ['scheme', 'method', 'authority']) checkStringMatch(match.get(name), report);
  for (const [, value] of match.get('queryParams').entries) checkStringMatch(value, report);
  checkOrigin(match, report);
}

function checkOrigin(match: Field, report: Report): void {
  if (match.get('port').number !== 0) checkPort(match.get('port'), report);
  checkLabels(match.get('sourceLabels'), report);
  checkGatewayNames(match.get('gateways'), report);
  const namespace = match.get('sourceNamespace');
  if (namespace.text !== '' && !isDnsLabelAnyCase(namespace.text))
    report.error(namespace, `${JSON.stringify(namespace.text)} is not a namespace, must be a DNS label`);
}
