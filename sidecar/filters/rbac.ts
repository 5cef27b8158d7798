import assert from 'node:assert/strict';
import type { RequestHead } from '../http1/message.ts';
import type { FilterContext, FilterVerdict, HttpRequestFilter } from '../proxy/filter.ts';
import { proceed } from '../proxy/filter.ts';
import type { CompileScope } from '../routing/regex.ts';
import type { RbacConfig } from '../snapshot/http-filter.ts';
import { fail, formatProblems, ok } from '#shared/runtime/result.ts';
import type { Result } from '#shared/runtime/result.ts';
import { forwardedClient } from './forwarded-for.ts';
import { overrideOf, PolicyCache } from './policy-cache.ts';
import type { ClientAddress, RbacEngine, RbacPeer } from './rbac-rules.ts';
import { compileRbac } from './rbac-rules.ts';

/** What the rules say of a request or connection; `details` names the policy that decided. */
export type RbacDecision = Readonly<{ allowed: true }> | Readonly<{ allowed: false; details: string }>;

const allowed: RbacDecision = { allowed: true };

/** DENY refuses what matches, ALLOW refuses what does not, LOG refuses nothing. */
function decide(engine: RbacEngine, peer: RbacPeer, head: RequestHead | null): RbacDecision {
  if (engine.action === 'LOG') return allowed;
  const policy = engine.matchedPolicy(peer, head);
  if ((policy !== null) === (engine.action === 'ALLOW')) return allowed;
  // Details are one word in access logs.
  const name = (policy ?? 'none').replaceAll(/\s/g, '_');
  return { allowed: false, details: `rbac_access_denied_matched_policy[${name}]` };
}

/** Authorization of HTTP requests by the policies of the listener, or of the route if it has its own. */
export class RbacFilter implements HttpRequestFilter {
  readonly name = 'rbac';
  readonly #own: RbacEngine | null;
  readonly #overrides: PolicyCache<RbacConfig, RbacEngine>;

  constructor(config: RbacConfig | null, xffTrustedHops: number, scope: CompileScope) {
    const clientAddress: ClientAddress = (peer, head) =>
      head === null ? peer.remoteAddress : (forwardedClient(head, xffTrustedHops) ?? peer.remoteAddress);
    this.#own = config === null ? null : compileRbac(config, { ...scope, clientAddress });
    this.#overrides = new PolicyCache((override) => {
      const problems: CompileScope['problems'] = [];
      const engine = compileRbac(override, { path: 'rbac', problems, clientAddress });
      assert(problems.length === 0, formatProblems(problems));
      return engine;
    });
  }

  onRequest(context: FilterContext): FilterVerdict {
    const override = overrideOf(context.overrides, 'rbac');
    if (override === null) return proceed;
    const engine = override === undefined ? this.#own : this.#overrides.get(override);
    if (engine === null) return proceed;
    const decision = decide(engine, context, context.request);
    if (decision.allowed) return proceed;
    const body = 'RBAC: access denied';
    return {
      kind: 'reply',
      reply: { status: 403, body, headers: [], flag: '', details: decision.details, grpcStatus: null },
    };
  }
}

/** Authorization of TCP connections, before the first byte goes on. */
export type ConnectionGuard = Readonly<{
  /** The first refusal of the filters in order, or the leave to go on. */
  allowsConnection: (peer: RbacPeer) => RbacDecision;
}>;

/** Compiles the RBAC filters of a chain. */
export function compileConnectionGuard(configs: readonly RbacConfig[]): Result<ConnectionGuard> {
  const problems: CompileScope['problems'] = [];
  const engines = configs.map((config, index) =>
    compileRbac(config, { path: `rbac[${index}]`, problems, clientAddress: (peer) => peer.remoteAddress }),
  );
  if (problems.length > 0) return fail(problems);
  return ok({
    allowsConnection: (peer) => {
      for (const engine of engines) {
        const decision = decide(engine, peer, null);
        if (!decision.allowed) return decision;
      }
      return allowed;
    },
  });
}
