import { matchesLabels } from '#shared/model/selector.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { duration } from './features/connection-pool.ts';
import { corsConfig } from './features/cors.ts';
import { faultConfig } from './features/fault.ts';
import { hashPolicy } from './features/load-balancer.ts';
import { mirrorPolicies } from './features/mirror.ts';
import { directResponse, redirectAction } from './features/redirect.ts';
import { concatOperations, headerFields, type HeaderOperations, headerOperations } from './header-operations.ts';
import { retryPolicy } from './retry-policy.ts';
import { type RouteContext, type RouteTarget, routeTarget } from './route-destination.ts';
import { type HttpMatch, type HttpRule, isCatchAll, regexOf, routeMatch } from './route-match.ts';
import { compact, configMetadata, nonEmpty } from './typed-builder.ts';

type Action = Readonly<{ action: TypedObject; operations: HeaderOperations; target?: RouteTarget | undefined }>;

/**
 * The routes of a VirtualService for clients of a scope on one port, in the order of its rules. Nothing follows a rule that
 * takes every request.
 */
export function httpRoutes(context: RouteContext): readonly TypedObject[] {
  const routes: TypedObject[] = [];
  for (const rule of context.virtualService.source.spec.http ?? []) {
    const matches: readonly (HttpMatch | undefined)[] =
      rule.match === undefined || rule.match.length === 0 ? [undefined] : rule.match;
    for (const match of matches) {
      if (match !== undefined && !appliesTo(match, context)) {
        continue;
      }
      const translated = routeMatch(match);
      routes.push(toRoute(context, rule, match, translated));
      if (isCatchAll(translated)) {
        return routes;
      }
    }
  }
  return routes;
}

/** Whether a match can hold for the client at all: port, gateway, labels and namespace are known beforehand. */
export function appliesTo(
  match: Pick<HttpMatch, 'port' | 'gateways' | 'sourceLabels' | 'sourceNamespace'>,
  { scope, port }: Pick<RouteContext, 'scope' | 'port'>,
): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== port) {
    return false;
  }
  if (match.gateways !== undefined && match.gateways.length > 0) {
    return match.gateways.includes('mesh');
  }
  const { sourceNamespace = '' } = match;
  return (
    matchesLabels(match.sourceLabels ?? {}, scope.labels) &&
    (sourceNamespace === '' || sourceNamespace === scope.namespace)
  );
}

function toRoute(
  context: RouteContext,
  rule: HttpRule,
  match: HttpMatch | undefined,
  translated: TypedObject,
): TypedObject {
  const { action, operations, target } = toAction(context, rule);
  const { metadata } = context.virtualService.source;
  const name = [rule.name ?? '', match?.name ?? ''].filter((part) => part !== '').join('.');
  const perFilter = compact({
    'envoy.filters.http.fault': faultConfig(rule),
    'envoy.filters.http.cors': corsConfig(rule),
  });
  const where = target === undefined ? `${metadata.name}:${context.port}` : `${target.host}:${target.port}`;
  return compact({
    name: name === '' ? undefined : name,
    match: translated,
    ...action,
    metadata: configMetadata(configPath(context)),
    decorator: { operation: `${where}${describePath(translated)}` },
    typed_per_filter_config: Object.keys(perFilter).length === 0 ? undefined : perFilter,
    ...headerFields(operations),
  });
}

function toAction(context: RouteContext, rule: HttpRule): Action {
  const operations = headerOperations(rule.headers);
  if (rule.redirect !== undefined) {
    return { action: redirectAction(rule.redirect, context.port), operations };
  }
  if (rule.directResponse !== undefined) {
    return { action: { direct_response: directResponse(rule.directResponse) }, operations };
  }
  const destinations = rule.route ?? [];
  const [first] = destinations;
  return first !== undefined && destinations.length === 1
    ? toSingle(context, rule, first, operations)
    : toWeighted(context, rule, operations);
}

type RouteDestination = NonNullable<HttpRule['route']>[number];

/** One destination: its header changes follow the rule's. */
function toSingle(
  context: RouteContext,
  rule: HttpRule,
  { destination, headers }: RouteDestination,
  operations: HeaderOperations,
): Action {
  const target = routeTarget(context, destination);
  const all = concatOperations(operations, headerOperations(headers));
  const action = toRouteAction(context, rule, {
    specifier: { cluster: target.cluster },
    targets: [target],
    authority: rewrittenAuthority(rule, all),
  });
  return { action: { route: action }, operations: all, target };
}

/** Several destinations by weight; those of weight zero are left out. */
function toWeighted(context: RouteContext, rule: HttpRule, operations: HeaderOperations): Action {
  const weighted = (rule.route ?? []).filter(({ weight = 0 }) => weight > 0);
  if (weighted.length === 0) {
    return { action: { direct_response: { status: 503 } }, operations };
  }
  const targets = weighted.map(({ destination }) => routeTarget(context, destination));
  const clusters = weighted.map(({ weight, headers }, i) => {
    const own = headerOperations(headers);
    return compact({
      name: targets[i]?.cluster,
      weight,
      ...headerFields(own),
      host_rewrite_literal: own.authority,
    });
  });
  const specifier = { weighted_clusters: { clusters } };
  const authority = rewrittenAuthority(rule, operations);
  const action = toRouteAction(context, rule, { specifier, targets, authority });
  return { action: { route: action }, operations };
}

type Forward = Readonly<{
  /** `cluster` or `weighted_clusters`. */
  specifier: TypedObject;
  targets: readonly RouteTarget[];
  authority: string | undefined;
}>;

function toRouteAction(context: RouteContext, rule: HttpRule, { specifier, targets, authority }: Forward): TypedObject {
  const timeout = duration(rule.timeout) ?? '0s';
  const hashes = targets.flatMap(({ hash }) => (hash === undefined ? [] : [hashPolicy(hash)]));
  const isHashed = targets.length === 1 && hashes.length > 0;
  const { uri, uriRegexRewrite } = rule.rewrite ?? {};
  return compact({
    ...specifier,
    prefix_rewrite: uriRegexRewrite === undefined ? uri : undefined,
    regex_rewrite:
      uriRegexRewrite === undefined
        ? undefined
        : { pattern: { regex: uriRegexRewrite.match ?? '' }, substitution: uriRegexRewrite.rewrite ?? '' },
    host_rewrite_literal: authority,
    timeout,
    max_grpc_timeout: timeout,
    retry_policy: retryPolicy(rule.retries, context.scope.compat, isHashed),
    request_mirror_policies: nonEmpty(mirrorPolicies(context, rule)),
    hash_policy: nonEmpty(hashes.filter((hash) => hash !== undefined)),
  });
}

/** A rewrite goes before an authority set as a header. */
function rewrittenAuthority(rule: HttpRule, operations: HeaderOperations): string | undefined {
  const { authority = '' } = rule.rewrite ?? {};
  return authority === '' ? operations.authority : authority;
}

function configPath({ virtualService }: RouteContext): string {
  const { namespace, name } = virtualService.source.metadata;
  return virtualService.isSplit
    ? `/apis/split.smi-spec.io/v1alpha4/namespaces/${namespace}/traffic-split/${name}`
    : `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`;
}

function describePath(match: TypedObject): string {
  const { prefix, path } = match;
  if (typeof prefix === 'string') {
    return `${prefix}*`;
  }
  return typeof path === 'string' ? path : (regexOf(match) ?? '/*');
}
