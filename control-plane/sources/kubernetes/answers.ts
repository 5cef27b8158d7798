/** Readers of what an API server answers: pages of lists, events of watches, and statuses. Pure. */
import { isRecord } from '#shared/model/rules/field.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';

/** `expired`: a version or token that the server has forgotten; `gone`: what it does not serve. */
export type FailureReason = 'expired' | 'gone' | 'other';

/** A page of a list; an empty token: the last one. */
export type ListPage = Readonly<{ items: readonly unknown[]; token: string; resourceVersion: string }>;

export type WatchEvent = Readonly<
  | { type: 'present' | 'deleted'; object: unknown; resourceVersion: string }
  | { type: 'bookmark'; resourceVersion: string }
  | { type: 'error'; message: string; reason: FailureReason }
>;

/** Reads a page; null when it is none. An empty one may come as `items: null`. */
export function readPage(body: string): ListPage | null {
  const page = parseJson(body);
  if (!isRecord(page) || !isRecord(page['metadata'])) return null;
  const items: unknown = page['items'] ?? [];
  if (!Array.isArray(items)) return null;
  const resourceVersion = textOf(page['metadata'], 'resourceVersion');
  return { items: items as unknown[], token: textOf(page['metadata'], 'continue'), resourceVersion };
}

/** Reads a line of a watch. Throws a MeshError `protocol` at what is no event. */
export function readWatchEvent(line: string): WatchEvent {
  const event = parseJson(line);
  const [type, object] = isRecord(event) ? [event['type'], event['object']] : [undefined, undefined];
  if (type === 'ERROR') return readError(object);
  const resourceVersion = isRecord(object) ? textOf(object['metadata'], 'resourceVersion') : '';
  if (resourceVersion === '')
    throw new MeshError('protocol', `an event of a watch has no version: ${line.slice(0, 100)}`);
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion };
  return { type: type === 'DELETED' ? 'deleted' : 'present', object, resourceVersion };
}

/** The server ends a watch by a status: 410 for a version that is too old, 504 for one that it does not have yet (after a restore). */
function readError(status: unknown): WatchEvent {
  const code = isRecord(status) && typeof status['code'] === 'number' ? status['code'] : 0;
  const message = textOf(status, 'message');
  const isTooNew = message.includes('Too large resource version');
  return {
    type: 'error',
    message: `the watch was ended with ${code}: ${message}`,
    reason: isTooNew ? 'expired' : reasonOf(code),
  };
}

/** What a status of HTTP means. */
export function reasonOf(status: number): FailureReason {
  if (status === 410) return 'expired';
  return status === 404 ? 'gone' : 'other';
}

/** The message of a Status; empty when a body is none. */
export function messageOf(body: string): string {
  return textOf(parseJson(body), 'message');
}

function textOf(record: unknown, name: string): string {
  const value = isRecord(record) ? record[name] : undefined;
  return typeof value === 'string' ? value : '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
