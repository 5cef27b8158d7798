/**
 * What is done to a path before anything is matched against it, as Envoy does it: the fragment is cut off, escaped slashes are
 * treated as configured, then RFC 3986 dot segments are resolved (with `\` read as `/`), percent-encoded unreserved characters
 * are decoded, and slashes merged. The query is left alone. All pure; a path that needs nothing comes back as the same string.
 */

/** The manager's settings for paths. */
export type PathOptions = Readonly<{
  normalizePath: boolean;
  mergeSlashes: boolean;
  escapedSlashes: 'keep' | 'reject' | 'unescape_and_redirect' | 'unescape_and_forward';
}>;

/** The normalised path with its query, or what to answer instead. */
export type NormalizedPath =
  | Readonly<{ kind: 'path'; path: string }>
  /** 400: an escaped slash where none may be. */
  | Readonly<{ kind: 'reject' }>
  /** 307 to this path. */
  | Readonly<{ kind: 'redirect'; path: string }>;

/** The path of a request target, without query. */
export function withoutQuery(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** The query of a request target with its question mark; empty if there is none. */
export function queryOf(target: string): string {
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start);
}

/** Applies the manager's settings to a request target (path and query). Forms other than `/...` (`*`, authority) pass. */
export function normalizePath(target: string, options: PathOptions): NormalizedPath {
  const whole = withoutFragment(target);
  if (!whole.startsWith('/')) return { kind: 'path', path: whole };
  const original = withoutQuery(whole);
  let path = original;
  let isUnescaped = false;
  if (options.escapedSlashes !== 'keep' && escapedSlash.test(path)) {
    if (options.escapedSlashes === 'reject') return { kind: 'reject' };
    path = path.replaceAll(everyEscapedSlash, (match) => (match[1] === '2' ? '/' : '\\'));
    isUnescaped = true;
  }
  if (options.normalizePath) path = canonicalPath(path);
  if (options.mergeSlashes && path.includes('//')) path = path.replaceAll(/\/{2,}/g, '/');
  const result = path === original ? whole : path + whole.slice(original.length);
  const redirects = isUnescaped && options.escapedSlashes === 'unescape_and_redirect';
  return redirects ? { kind: 'redirect', path: result } : { kind: 'path', path: result };
}

const escapedSlash = /%(?:2[fF]|5[cC])/;
const everyEscapedSlash = /%(?:2[fF]|5[cC])/g;

function withoutFragment(target: string): string {
  const start = target.indexOf('#');
  return start < 0 ? target : target.slice(0, start);
}

/** Resolves dot segments and decodes unreserved characters; `%2F` and `//` stay. */
export function canonicalPath(path: string): string {
  return needsWork(path) ? removeDotSegments(decodeUnreserved(path)) : path;
}

/** By byte: 1 needs work wherever it stands (to decode, to escape, a backslash), 2 at the start of a segment (a dot). */
const attention = new Uint8Array(256).map((_, code) => {
  if (code === 0x2e) return 2;
  return code === 0x25 || code === 0x5c || mustEscape(code) ? 1 : 0;
});

/** One pass over the characters, because nearly every path is canonical already. */
function needsWork(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const kind = attention[path.charCodeAt(i)] ?? 1;
    if (kind !== 0 && (kind === 1 || path.charCodeAt(i - 1) === 0x2f)) return true;
  }
  return false;
}

/** Bytes that no path may carry raw, and that Chromium's canonicaliser (which Envoy uses) escapes. */
function mustEscape(code: number): boolean {
  return code <= 0x20 || code >= 0x7f || '"<>`{}'.includes(String.fromCharCode(code));
}

function decodeUnreserved(path: string): string {
  let out = '';
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === 0x5c) out += '/';
    else if (code === 0x25) {
      const decoded = unreservedAt(path, i);
      if (decoded === null) out += '%';
      else {
        out += decoded;
        i += 2;
      }
    } else if (mustEscape(code)) out += escapeCharacter(path.charAt(i));
    else out += path.charAt(i);
  }
  return out;
}

/** The unreserved character that `%XX` at `index` stands for, or null. */
function unreservedAt(path: string, index: number): string | null {
  const hex = path.slice(index + 1, index + 3);
  if (!/^[0-9a-fA-F]{2}$/.test(hex)) return null;
  const character = String.fromCharCode(Number.parseInt(hex, 16));
  return /[A-Za-z0-9\-._~]/.test(character) ? character : null;
}

/** Heads are read as Latin-1, so one character is one byte. */
function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** RFC 3986 5.2.4 on an absolute path; empty segments are segments. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/');
  segments.shift();
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..') kept.pop();
      if (isLast) kept.push('');
    } else kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/**
 * The value of the first query parameter of this name (`''` if it has none), or null. Nothing is percent-decoded, and `?e` is
 * the same as `?e=`. Scans without splitting.
 */
export function queryParameter(target: string, name: string): string | null {
  let at = target.indexOf('?') + 1;
  if (at === 0) return null;
  while (at <= target.length) {
    let end = target.indexOf('&', at);
    if (end < 0) end = target.length;
    if (target.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return '';
      if (after < end && target.charCodeAt(after) === 0x3d) return target.slice(after + 1, end);
    }
    at = end + 1;
  }
  return null;
}
