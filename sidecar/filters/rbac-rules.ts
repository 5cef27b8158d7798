import type { RequestHead } from '../http1/message.ts';
import { compileHeaderMatch, compilePathMatch, compileStringMatch } from '../routing/match.ts';
import type { StringPredicate } from '../routing/match.ts';
import { withoutQuery } from '../routing/path.ts';
import type { CompileScope } from '../routing/regex.ts';
import { within } from '../routing/regex.ts';
import type { RbacConfig, RbacPermission, RbacPrincipal } from '../snapshot/http-filter.ts';
import type { HeaderMatch, PathMatch, StringMatch } from '../snapshot/matchers.ts';
import type { TlsFacts } from '../transport/transport.ts';
import { compileCidr } from '../routing/cidr.ts';

/** The connection that a rule looks at. */
export type RbacPeer = Readonly<{
  remoteAddress: string;
  localAddress: string;
  localPort: number;
  tls: TlsFacts | null;
}>;

/** A rule, compiled; the head is null for TCP, where nothing that speaks of HTTP holds. */
export type RbacPredicate = (peer: RbacPeer, head: RequestHead | null) => boolean;

/** Reads the client's address of a request: the peer's, or what a trusted `x-forwarded-for` says. */
export type ClientAddress = (peer: RbacPeer, head: RequestHead | null) => string;

/** What rules are compiled under. */
export type RuleScope = CompileScope & Readonly<{ clientAddress: ClientAddress }>;

/** An RBAC policy set, compiled: the name of the first policy that matches, or null. */
export type RbacEngine = Readonly<{
  action: RbacConfig['action'];
  matchedPolicy: (peer: RbacPeer, head: RequestHead | null) => string | null;
}>;

/** Compiles a policy set; bad patterns and ranges become problems of the scope. */
export function compileRbac(config: RbacConfig, scope: RuleScope): RbacEngine {
  const policies = config.policies.map((policy) => {
    const own = deeper(scope, `policies[${policy.name}]`);
    return {
      name: policy.name,
      permits: anyOf(policy.permissions.map((rule) => compilePermission(rule, own))),
      isPrincipal: anyOf(policy.principals.map((rule) => compilePrincipal(rule, own))),
    };
  });
  return {
    action: config.action,
    matchedPolicy: (peer, head) =>
      policies.find((policy) => policy.permits(peer, head) && policy.isPrincipal(peer, head))?.name ?? null,
  };
}

function deeper(scope: RuleScope, step: string): RuleScope {
  return { ...within(scope, step), clientAddress: scope.clientAddress };
}

function compilePermission(rule: RbacPermission, scope: RuleScope): RbacPredicate {
  switch (rule.kind) {
    case 'any':
      return () => true;
    case 'and':
      return allOf(rule.rules.map((one) => compilePermission(one, scope)));
    case 'or':
      return anyOf(rule.rules.map((one) => compilePermission(one, scope)));
    case 'not':
      return not(compilePermission(rule.rule, scope));
    case 'header':
      return headerRule(rule.header, scope);
    case 'path':
      return pathRule(rule.path, scope);
    case 'destinationPort':
      return (peer) => peer.localPort === rule.port;
    case 'destinationIp': {
      const contains = compileCidr(rule.cidr, within(scope, 'destinationIp'));
      return (peer) => contains(peer.localAddress);
    }
    case 'serverName': {
      const matches = compileStringMatch(rule.match, within(scope, 'serverName'));
      return (peer) => matches(peer.tls?.serverName ?? '');
    }
  }
}

function compilePrincipal(rule: RbacPrincipal, scope: RuleScope): RbacPredicate {
  switch (rule.kind) {
    case 'any':
      return () => true;
    case 'and':
      return allOf(rule.rules.map((one) => compilePrincipal(one, scope)));
    case 'or':
      return anyOf(rule.rules.map((one) => compilePrincipal(one, scope)));
    case 'not':
      return not(compilePrincipal(rule.rule, scope));
    case 'authenticated':
      return authenticated(rule.name === null ? null : compileStringMatch(rule.name, within(scope, 'authenticated')));
    case 'directRemoteIp':
    case 'sourceIp': {
      const contains = compileCidr(rule.cidr, within(scope, rule.kind));
      return (peer) => contains(peer.remoteAddress);
    }
    case 'remoteIp': {
      const contains = compileCidr(rule.cidr, within(scope, rule.kind));
      return (peer, head) => contains(scope.clientAddress(peer, head));
    }
    case 'header':
      return headerRule(rule.header, scope);
    case 'path':
      return pathRule(rule.path, scope);
  }
}

/** The peer showed a certificate that was verified, and one of its names matches: URI, DNS, then the subject, as in Envoy. */
function authenticated(matches: StringPredicate | null): RbacPredicate {
  return ({ tls }) => {
    if (tls === null || tls.peerCertificateSha256 === '') return false;
    return (
      matches === null || tls.peerUriSans.some(matches) || tls.peerDnsSans.some(matches) || matches(tls.peerSubject)
    );
  };
}

function headerRule(header: HeaderMatch, scope: RuleScope): RbacPredicate {
  const matches = compileHeaderMatch(header, within(scope, 'header'));
  return (_peer, head) => head !== null && matches(head);
}

function pathRule(path: PathMatch | StringMatch, scope: RuleScope): RbacPredicate {
  const matches = compilePathMatch(path, within(scope, 'path'));
  return (_peer, head) => head !== null && matches(withoutQuery(head.path), head.method);
}

function anyOf(rules: readonly RbacPredicate[]): RbacPredicate {
  const [only] = rules;
  if (rules.length === 1 && only !== undefined) return only;
  return (peer, head) => rules.some((rule) => rule(peer, head));
}

function allOf(rules: readonly RbacPredicate[]): RbacPredicate {
  return (peer, head) => rules.every((rule) => rule(peer, head));
}

function not(rule: RbacPredicate): RbacPredicate {
  return (peer, head) => !rule(peer, head);
}
