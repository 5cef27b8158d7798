import type { Field } from './field.ts';
import { faultOfHeaderValue } from './header-value.ts';
import type { Report } from './report.ts';

const nameShape = /^[-_A-Za-z0-9]+$/;
const claimPrefix = '@request.auth.claims';
const claimShape = /^@request\.auth\.claims(?:\.[^\s]+|(?:\[[^\s[\]]+\])+)$/i;
const methods: ReadonlySet<string> = new Set('GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE'.split(' '));

/** The name of a header to look at. */
export function checkHeaderName(name: string, at: Field, report: Report): void {
  if (name === '') report.error(at, 'header name cannot be empty');
  else if (!nameShape.test(name)) report.error(at, `${JSON.stringify(name)} is not a valid header name`);
}

/** The name of a header in a route's match, which may be a claim of a token where there are gateways. */
export function checkMatchedHeaderName(name: string, at: Field, mayBeClaim: boolean, report: Report): void {
  if (!claimShape.test(name)) return checkHeaderName(name, at, report);
  if (!mayBeClaim)
    report.error(at, `JWT claim based routing (${claimPrefix}) is only supported for gateway, found no gateways`);
}

/** The name of a header of CORS, or `*`. */
export function checkCorsHeaderName(name: Field, report: Report): void {
  if (name.text !== '*') checkHeaderName(name.text, name, report);
}

/** A method of HTTP. */
export function checkMethod(method: Field, report: Report): void {
  if (!methods.has(method.text)) report.error(method, `${JSON.stringify(method.text)} is not a supported HTTP method`);
}

/** `headers` of a route or destination: what is added, set and removed, of requests and of responses. */
export function checkHeaderOperations(headers: Field, report: Report): void {
  for (const direction of ['request', 'response'] as const) {
    const operations = headers.get(direction);
    for (const [name, value] of [...operations.get('add').entries, ...operations.get('set').entries]) {
      checkOperationName(name, value, direction === 'request', report);
      const fault = faultOfHeaderValue(value.text);
      if (fault !== null) report.error(value, `header value is invalid: ${fault}`);
    }
    for (const name of operations.get('remove').items) checkOperationName(name.text, name, false, report);
  }
}

/** The authority may be given in one place only: `rewrite.authority`, or one header operation. */
export function checkAuthorityRewrite(rewrite: Field, headers: Field, report: Report): void {
  const { entries: set } = headers.at('request', 'set');
  const { entries: add } = headers.at('request', 'add');
  let current = rewrite.get('authority').text;
  for (const [name, value] of [...set, ...add]) {
    if (!isAuthority(name)) continue;
    if (current !== '') report.error(value, `authority header cannot be set multiple times: it is ${current} already`);
    current = value.text;
  }
}

function checkOperationName(name: string, at: Field, mayBeAuthority: boolean, report: Report): void {
  if (name === '') report.error(at, 'header name cannot be empty');
  else if (isAuthority(name)) {
    if (!mayBeAuthority) report.error(at, `invalid header ${JSON.stringify(name)}: cannot set Host header here`);
  } else if (name.startsWith(':'))
    report.error(at, `invalid header ${JSON.stringify(name)}: header cannot have ":" prefix`);
}

function isAuthority(name: string): boolean {
  return /^(?::authority|host)$/i.test(name);
}
