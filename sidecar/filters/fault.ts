import assert from 'node:assert/strict';
import type { FilterContext, FilterVerdict, HttpRequestFilter, LocalReply } from '../proxy/filter.ts';
import { proceed } from '../proxy/filter.ts';
import type { HeadPredicate } from '../routing/match.ts';
import { compileHeaderMatch, drawsFraction } from '../routing/match.ts';
import type { CompileScope } from '../routing/regex.ts';
import { within } from '../routing/regex.ts';
import type { FaultConfig } from '../snapshot/http-filter.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { overrideOf, PolicyCache } from './policy-cache.ts';

type CompiledFault = Readonly<{ config: FaultConfig; headers: readonly HeadPredicate[]; abort: FilterVerdict | null }>;

/** Compiles a fault; wrong patterns become problems of the scope. */
export function compileFault(config: FaultConfig, scope: CompileScope): CompiledFault {
  const headers = config.headers.map((match) => compileHeaderMatch(match, within(scope, 'headers')));
  const reply = config.abort === null ? null : abortReply(config.abort);
  return { config, headers, abort: reply === null ? null : { kind: 'reply', reply } };
}

const overrides = new PolicyCache((config: FaultConfig) => {
  const scope: CompileScope = { path: 'fault', problems: [] };
  const compiled = compileFault(config, scope);
  assert(scope.problems.length === 0, formatProblems(scope.problems));
  return compiled;
});

/**
 * Injects delays and aborts. In Envoy's order: too many faults under way, then the header match, then the delay is drawn, then,
 * independently, the abort. A route's configuration replaces the filter's. It runs before the router, so that retries and timeouts
 * of the route neither see an injected abort nor count an injected delay.
 */
export class FaultFilter implements HttpRequestFilter {
  readonly name = 'fault';
  readonly #own: CompiledFault | null;
  /** Exchanges that had a fault and are not over; this filter (one a worker and chain) owns the count. */
  readonly #faulty = new WeakSet<FilterContext>();
  #active = 0;

  constructor(config: FaultConfig | null, scope: CompileScope) {
    this.#own = config === null ? null : compileFault(config, scope);
  }

  onRequest(context: FilterContext): FilterVerdict {
    const override = overrideOf(context.overrides, 'fault');
    const fault = override === undefined ? this.#own : overrides.get(override);
    if (fault === null) return proceed;
    const { delay, maxActive } = fault.config;
    if (maxActive !== null && this.#active >= maxActive) return proceed;
    if (!fault.headers.every((matches) => matches(context.request))) return proceed;
    const isDelayed = delay !== null && drawsFraction(delay.percentage, context.random);
    const abort = this.#drawAbort(fault, context);
    if (!isDelayed && abort === proceed) return proceed;
    this.#faulty.add(context);
    this.#active++;
    return isDelayed ? { kind: 'delay', ms: delay.fixedMs, flag: 'DI', next: abort } : abort;
  }

  onEnd(context: FilterContext): void {
    if (this.#active > 0 && this.#faulty.delete(context)) this.#active--;
  }

  /** Exchanges under way that had a fault. */
  get active(): number {
    return this.#active;
  }

  #drawAbort({ config, abort }: CompiledFault, { random }: FilterContext): FilterVerdict {
    if (abort === null || config.abort === null) return proceed;
    return drawsFraction(config.abort.percentage, random) ? abort : proceed;
  }
}

/** A gRPC status towards a plain HTTP client is a 200 with the same body, as in Envoy. */
function abortReply({ httpStatus, grpcStatus }: NonNullable<FaultConfig['abort']>): LocalReply | null {
  if (httpStatus === null && grpcStatus === null) return null;
  return {
    status: httpStatus ?? 200,
    body: 'fault filter abort',
    headers: [],
    flag: 'FI',
    details: 'fault_filter_abort',
    grpcStatus,
  };
}
