import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { HttpFilterOverrides } from '../snapshot/http-filter.ts';
import type { Fraction } from '../snapshot/matchers.ts';
import type { HostRewrite, Route, RouteTable, VirtualHost, WeightedCluster } from '../snapshot/route.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { CompiledHeaderOps } from './header-ops.ts';
import { compileLevels } from './header-ops.ts';
import type { HeadPredicate, PathPredicate, StringPredicate } from './match.ts';
import { compileHeaderMatch, compilePathMatch, compileQueryMatch } from './match.ts';
import type { Location } from './redirect.ts';
import { compileRedirect } from './redirect.ts';
import type { CompileScope } from './regex.ts';
import { within } from './regex.ts';
import type { PathRewrite } from './rewrite.ts';
import { compilePathRewrite, rewriteHost, rewritePath } from './rewrite.ts';
import { WeightedChoice } from './weighted.ts';
import { wireText } from './wire-text.ts';

/** The cluster that was chosen for one exchange, with what hangs on the choice. */
export type RouteTarget = Readonly<{
  clusterName: string;
  /** Filter overrides, the most specific first: weighted cluster, route, virtual host. */
  overrides: readonly HttpFilterOverrides[];
  requestHeaders: readonly CompiledHeaderOps[];
  responseHeaders: readonly CompiledHeaderOps[];
  hostRewrite: HostRewrite | null;
}>;

/** One route, with everything that depends only on configuration made ready. */
export class CompiledRoute {
  readonly config: Route;
  readonly virtualHost: VirtualHost;
  /** The `Location` of a redirect; null for other actions. */
  readonly location: Location | null;
  /** Filter overrides of the route and its virtual host, for routes without a cluster. */
  readonly overrides: readonly HttpFilterOverrides[];
  /** The host is to be rewritten to the name of the chosen endpoint. */
  readonly rewritesHostToEndpoint: boolean;
  readonly #path: PathPredicate;
  readonly #headers: readonly HeadPredicate[];
  readonly #query: readonly StringPredicate[];
  readonly #grpcOnly: boolean;
  readonly #fraction: Fraction | null;
  readonly #requestHeaders: readonly CompiledHeaderOps[];
  readonly #responseHeaders: readonly CompiledHeaderOps[];
  readonly #rewrite: PathRewrite | null;
  readonly #targets: WeightedChoice<RouteTarget>;

  constructor(config: Route, virtualHost: VirtualHost, table: RouteTable, scope: CompileScope) {
    const { match, action } = config;
    this.config = config;
    this.virtualHost = virtualHost;
    this.overrides = [config.filters, virtualHost.filters].filter((filters) => Object.keys(filters).length > 0);
    this.location = action.kind === 'redirect' ? compileRedirect(match.path, action, within(scope, 'redirect')) : null;
    this.#path = compilePathMatch(match.path, within(scope, 'match.path'));
    this.#headers = match.headers.map((one) => compileHeaderMatch(one, within(scope, 'match.headers')));
    this.#query = match.query.map((one) => compileQueryMatch(one, within(scope, 'match.query')));
    this.#grpcOnly = match.grpcOnly;
    this.#fraction = match.fraction;
    const levels = [config, virtualHost, table] as const;
    this.#requestHeaders = compileLevels(
      levels.map((level) => ['requestHeaders', level.requestHeaders]),
      scope,
    );
    this.#responseHeaders = compileLevels(
      levels.map((level) => ['responseHeaders', level.responseHeaders]),
      scope,
    );
    this.#rewrite = action.kind === 'forward' ? compilePathRewrite(match.path, action, scope) : null;
    this.rewritesHostToEndpoint = action.kind === 'forward' && action.hostRewrite?.kind === 'auto';
    this.#targets = new WeightedChoice(this.#compileTargets(scope));
  }

  #compileTargets(scope: CompileScope): { item: RouteTarget; weight: number }[] {
    const action = this.config.action;
    if (action.kind !== 'forward') return [];
    const { target } = action;
    const hostRewrite = toWireHost(action.hostRewrite, scope);
    const plain = { overrides: this.overrides, requestHeaders: [], responseHeaders: [], hostRewrite };
    if (target.kind === 'weighted') {
      return target.clusters.map((cluster, index) => ({
        item: this.#weightedTarget(cluster, hostRewrite, within(scope, `clusters[${index}]`)),
        weight: cluster.weight,
      }));
    }
    return [{ item: { ...plain, clusterName: target.kind === 'cluster' ? target.name : '' }, weight: 1 }];
  }

  #weightedTarget(cluster: WeightedCluster, hostRewrite: HostRewrite | null, scope: CompileScope): RouteTarget {
    const ownOverrides = Object.keys(cluster.filters).length > 0 ? [cluster.filters] : [];
    return {
      clusterName: cluster.name,
      overrides: [...ownOverrides, ...this.overrides],
      requestHeaders: compileLevels([['requestHeaders', cluster.requestHeaders]], scope),
      responseHeaders: compileLevels([['responseHeaders', cluster.responseHeaders]], scope),
      hostRewrite: toWireHost(cluster.hostRewrite, scope) ?? hostRewrite,
    };
  }

  /** Whether a request is this route's; `path` is the head's without query, `draw` one random number of the request. */
  matches(head: RequestHead, path: string, isGrpc: boolean, draw: number): boolean {
    if (!this.#path(path, head.method)) return false;
    for (const matches of this.#headers) if (!matches(head)) return false;
    for (const matches of this.#query) if (!matches(head.path)) return false;
    if (this.#grpcOnly && !isGrpc) return false;
    return this.#fraction === null || draw * this.#fraction.denominator < this.#fraction.numerator;
  }

  /** Chooses the cluster of a forwarded request; null for other actions. */
  chooseTarget(head: RequestHead, random: Random): RouteTarget | null {
    const target = this.#targets.pick(random);
    const action = this.config.action;
    if (target === null || action.kind !== 'forward' || action.target.kind !== 'header') return target;
    return { ...target, clusterName: head.headers.get(action.target.name.toLowerCase()) ?? '' };
  }

  /**
   * Makes the request that goes upstream of the one that came in: header changes from the most specific level to the least
   * (weighted cluster, route, virtual host, table: what comes later wins, as in Envoy), then host and path.
   */
  applyRequestHeaders(head: RequestHead, target: RouteTarget | null, record: AccessRecord): void {
    if (target !== null) for (const ops of target.requestHeaders) ops.applyToRequest(head, record);
    for (const ops of this.#requestHeaders) ops.applyToRequest(head, record);
    const hostRewrite = target?.hostRewrite ?? null;
    if (hostRewrite !== null) applyHostRewrite(head, hostRewrite);
    if (this.#rewrite !== null) rewritePath(head, this.#rewrite);
  }

  /** Changes a response in the same order; also direct responses and those of filters. */
  applyResponseHeaders(head: ResponseHead, target: RouteTarget | null, record: AccessRecord): void {
    if (target !== null) for (const ops of target.responseHeaders) ops.applyToResponse(head.headers, record);
    for (const ops of this.#responseHeaders) ops.applyToResponse(head.headers, record);
  }
}

/** `auto` waits for the endpoint. */
function applyHostRewrite(head: RequestHead, rewrite: HostRewrite): void {
  if (rewrite.kind === 'literal') rewriteHost(head, rewrite.value);
  if (rewrite.kind !== 'header') return;
  const host = head.headers.get(rewrite.name.toLowerCase());
  if (host !== undefined && host !== '') rewriteHost(head, host);
}

function toWireHost(rewrite: HostRewrite | null, scope: CompileScope): HostRewrite | null {
  if (rewrite?.kind !== 'literal') return rewrite;
  return { kind: 'literal', value: wireText(rewrite.value, within(scope, 'hostRewrite')) };
}
