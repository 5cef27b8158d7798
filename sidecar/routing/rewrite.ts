import type { RequestHead } from '../http1/message.ts';
import type { PathMatch } from '../snapshot/matchers.ts';
import type { ForwardAction } from '../snapshot/route.ts';
import { queryOf, withoutQuery } from './path.ts';
import type { CompileScope } from './regex.ts';
import { compileReplace, within } from './regex.ts';
import { toWire, wireText } from './wire-text.ts';

/** Makes the new request target (path and query) of the old. */
export type PathRewrite = (target: string) => string;

/** Compiles what a route does to the path; null if it does nothing. The query always stays. */
export function compilePathRewrite(
  match: PathMatch,
  action: Pick<ForwardAction, 'prefixRewrite' | 'regexRewrite'>,
  scope: CompileScope,
): PathRewrite | null {
  if (action.prefixRewrite !== null) {
    return replaceMatched(match, wireText(action.prefixRewrite, within(scope, 'prefixRewrite')));
  }
  if (action.regexRewrite === null) return null;
  const replace = compileReplace(action.regexRewrite, within(scope, 'regexRewrite'));
  return (target) => replace(withoutQuery(target)) + queryOf(target);
}

/**
 * What matched is replaced: the prefix as it is written (`/bare` to `/` turns `/bare/a` into `//a`), or the whole path of exact
 * and regex matches.
 */
export function replaceMatched(match: PathMatch, replacement: string): PathRewrite {
  if (match.kind === 'prefix' || match.kind === 'separatedPrefix') {
    const length = toWire(match.value).length;
    return (target) => replacement + target.slice(length);
  }
  return (target) => replacement + queryOf(target);
}

/** Rewrites the path of a request and says what it was, even if nothing changed. */
export function rewritePath(head: RequestHead, rewrite: PathRewrite): void {
  const original = head.path;
  head.path = rewrite(original);
  head.headers.set('x-envoy-original-path', original);
}

/** Rewrites the authority of a request and says what it was. */
export function rewriteHost(head: RequestHead, host: string): void {
  head.headers.set('x-envoy-original-host', head.authority);
  head.authority = host;
}
