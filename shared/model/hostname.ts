/**
 * Hosts as resources name them. A name without a dot is a Kubernetes service of the resource's namespace; a leading `*`
 * is a wildcard for any number of leading characters. Letters of either case are the same.
 */

/** The domain of Kubernetes services when nothing else is configured. */
export const defaultDomainSuffix = 'cluster.local';

/** A host as it stands in a resource of a namespace, made full: `reviews` is `reviews.default.svc.cluster.local`. */
export function resolveHost(host: string, namespace: string, domainSuffix: string = defaultDomainSuffix): string {
  const name = host.toLowerCase();
  return isWildcard(name) || name.includes('.') ? name : `${name}.${namespace}.svc.${domainSuffix}`;
}

/** Whether a host, exact or with a leading `*`, covers a name (which may be a wildcard itself). */
export function coversHost(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = name.toLowerCase();
  if (!isWildcard(wanted)) return wanted === given;
  const suffix = wanted.slice(1);
  return isWildcard(given) ? given.slice(1).endsWith(suffix) : given.endsWith(suffix) && given.length > suffix.length;
}

/** Whether a host is a wildcard. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** Orders patterns: exact ones first, then longer wildcards before shorter ones. */
export function bySpecificity(a: string, b: string): number {
  return Number(isWildcard(a)) - Number(isWildcard(b)) || b.length - a.length;
}
