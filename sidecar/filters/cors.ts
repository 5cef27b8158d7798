import assert from 'node:assert/strict';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { FilterContext, FilterVerdict, HttpRequestFilter } from '../proxy/filter.ts';
import { proceed } from '../proxy/filter.ts';
import type { StringPredicate } from '../routing/match.ts';
import { compileStringMatch, drawsFraction } from '../routing/match.ts';
import type { CompileScope } from '../routing/regex.ts';
import { within } from '../routing/regex.ts';
import type { CorsConfig } from '../snapshot/http-filter.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { overrideOf, PolicyCache } from './policy-cache.ts';

type CompiledCors = Readonly<{ config: CorsConfig; allowsOrigin: StringPredicate }>;

/** Compiles a CORS policy; wrong patterns become problems of the scope. */
export function compileCors(config: CorsConfig, scope: CompileScope): CompiledCors {
  const origins = config.allowOrigins.map((match) => compileStringMatch(match, within(scope, 'allowOrigins')));
  // What takes `*` takes any origin (`exact: "*"`).
  const takesAny = origins.some((matches) => matches('*'));
  return { config, allowsOrigin: (origin) => takesAny || origins.some((matches) => matches(origin)) };
}

const overrides = new PolicyCache((config: CorsConfig) => {
  const scope: CompileScope = { path: 'cors', problems: [] };
  const compiled = compileCors(config, scope);
  assert(scope.problems.length === 0, formatProblems(scope.problems));
  return compiled;
});

type Grant = Readonly<{ config: CorsConfig; origin: string }>;

/**
 * Answers CORS preflights and marks responses for the browser. The list of methods is sent, not enforced: that is the browser's
 * part. The policy's headers replace the application's own.
 */
export class CorsFilter implements HttpRequestFilter {
  readonly name = 'cors';
  readonly #own: CompiledCors | null;
  /** What was granted to exchanges under way; kept because the request may have changed by the time of the response. */
  readonly #grants = new WeakMap<FilterContext, Grant>();

  constructor(config: CorsConfig | null, scope: CompileScope) {
    this.#own = config === null ? null : compileCors(config, scope);
  }

  onRequest(context: FilterContext): FilterVerdict {
    const { request, random } = context;
    const origin = request.headers.getJoined('origin');
    if (origin === undefined || origin === '') return proceed;
    // As in Envoy: redirects and direct responses are no answers of an application, the policy of their route is not looked at.
    if (context.clusterName === '') return proceed;
    const override = overrideOf(context.overrides, 'cors');
    const policy = override === undefined ? this.#own : overrides.get(override);
    if (policy === null || !drawsFraction(policy.config.enabled, random)) return proceed;
    const isPreflight =
      request.method === 'OPTIONS' && (request.headers.get('access-control-request-method') ?? '') !== '';
    if (policy.allowsOrigin(origin)) {
      const grant = { config: policy.config, origin };
      if (isPreflight) return preflightReply([...responseHeaders(grant), ...preflightHeaders(policy.config, request)]);
      this.#grants.set(context, grant);
      return proceed;
    }
    if (!isPreflight || policy.config.forwardNotMatchingPreflights) return proceed;
    // Without `access-control-allow-origin` the browser refuses, whatever else it is told.
    return preflightReply([...credentials(policy.config), ...preflightHeaders(policy.config, request)]);
  }

  onResponse(context: FilterContext, head: ResponseHead): void {
    const grant = this.#grants.get(context);
    if (grant === undefined) return;
    for (const [name, value] of responseHeaders(grant)) head.headers.set(name, value);
  }
}

type Header = readonly [name: string, value: string];

/** Headers of every response to an origin that is allowed. */
function responseHeaders({ config, origin }: Grant): readonly Header[] {
  return [
    ['access-control-allow-origin', origin],
    ...credentials(config),
    ...unlessEmpty('access-control-expose-headers', config.exposeHeaders),
  ];
}

function credentials({ allowCredentials }: CorsConfig): readonly Header[] {
  return allowCredentials === true ? [['access-control-allow-credentials', 'true']] : [];
}

/** What may be asked; `*` stands for what the browser wants to ask. */
function preflightHeaders(
  { allowMethods, allowHeaders, maxAge }: CorsConfig,
  { headers }: RequestHead,
): readonly Header[] {
  const wanted = (name: string): string => headers.getJoined(name) ?? '';
  return [
    ...(allowMethods === '*'
      ? [['access-control-allow-methods', wanted('access-control-request-method')] as const]
      : unlessEmpty('access-control-allow-methods', allowMethods)),
    ...(allowHeaders === '*'
      ? [['access-control-allow-headers', wanted('access-control-request-headers')] as const]
      : unlessEmpty('access-control-allow-headers', allowHeaders)),
    ...unlessEmpty('access-control-max-age', maxAge),
  ];
}

function unlessEmpty(name: string, value: string): readonly Header[] {
  return value === '' ? [] : [[name, value]];
}

function preflightReply(headers: readonly Header[]): FilterVerdict {
  const details = 'cors_response';
  const reply = {
    status: 200,
    body: '',
    headers,
    flag: '',
    details,
    grpcStatus: null,
    skipsRouteHeaders: true,
  } as const;
  return { kind: 'reply', reply };
}
