import type { RequestHead } from '../http1/message.ts';
import type { PathMatch } from '../snapshot/matchers.ts';
import type { RedirectAction } from '../snapshot/route.ts';
import { queryOf, withoutQuery } from './path.ts';
import type { CompileScope } from './regex.ts';
import { compileReplace, within } from './regex.ts';
import type { PathRewrite } from './rewrite.ts';
import { replaceMatched } from './rewrite.ts';
import { wireText } from './wire-text.ts';

/** Makes the `Location` of a redirect. */
export type Location = (head: RequestHead) => string;

/** Compiles a redirect as Envoy answers it: what is not set is taken from the request. */
export function compileRedirect(match: PathMatch, action: RedirectAction, scope: CompileScope): Location {
  const port = action.port === null ? '' : `:${action.port}`;
  const ownHost = action.host === null ? null : wireText(action.host, within(scope, 'host'));
  const newTarget = compileTarget(match, action, within(scope, 'path'));
  return (head) => {
    const scheme = action.scheme ?? (action.httpsRedirect ? 'https' : head.scheme);
    const host = ownHost ?? requestHost(head, scheme, port);
    return `${scheme}://${host}${port}${newTarget(head.path)}`;
  };
}

function compileTarget(match: PathMatch, action: RedirectAction, scope: CompileScope): PathRewrite {
  const path = action.path;
  // A query in the configured path replaces the request's and is never stripped.
  if (path?.kind === 'full' && path.value.includes('?')) {
    const target = withSlash(wireText(path.value, scope));
    return () => target;
  }
  const rewrite = compilePath(match, path, scope);
  return action.stripQuery ? (target) => withoutQuery(rewrite(target)) : rewrite;
}

function compilePath(match: PathMatch, path: RedirectAction['path'], scope: CompileScope): PathRewrite {
  if (path === null) return (target) => target;
  switch (path.kind) {
    case 'full': {
      const full = withSlash(wireText(path.value, scope));
      return (target) => full + queryOf(target);
    }
    case 'prefix':
      return replaceMatched(match, wireText(path.value, scope));
    case 'regex': {
      const replace = compileReplace(path.rewrite, within(scope, 'rewrite'));
      return (target) => replace(withoutQuery(target)) + queryOf(target);
    }
  }
}

/**
 * The request's host, without its port if a new one is set, or if the scheme changes and the port was the old scheme's default.
 * "The old scheme" is what `x-forwarded-proto` says, as in Envoy.
 */
function requestHost(head: RequestHead, newScheme: string, newPort: string): string {
  const host = head.authority;
  const colon = host.startsWith('[') ? host.lastIndexOf(']:') + 1 : host.lastIndexOf(':');
  if (colon <= 0) return host;
  const oldScheme = head.headers.get('x-forwarded-proto') ?? '';
  const oldPort = host.slice(colon);
  const isDefault = (oldScheme === 'https' && oldPort === ':443') || (oldScheme === 'http' && oldPort === ':80');
  return newPort !== '' || (newScheme !== oldScheme && isDefault) ? host.slice(0, colon) : host;
}

/** A path that does not start with a slash would run into the host. */
function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
