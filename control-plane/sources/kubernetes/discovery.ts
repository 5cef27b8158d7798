/** Which of the versions that we read an API server serves a kind in. Pure readers, and the asking. */
import { isRecord } from '#shared/model/rules/field.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Location, WatchedKind } from './kinds.ts';
import type { Answer, KubernetesRequests } from './requests.ts';

/** Per group its versions as `GROUP/VERSION`, the preferred one first. */
export type ServedGroups = ReadonlyMap<string, readonly string[]>;

/** Reads an `APIGroupList`. */
export function readGroups(body: unknown): ServedGroups {
  const groups = isRecord(body) && Array.isArray(body['groups']) ? (body['groups'] as unknown[]) : [];
  return new Map(
    groups.filter(isRecord).map((group) => {
      const preferred = isRecord(group['preferredVersion']) ? [group['preferredVersion']] : [];
      const all = Array.isArray(group['versions']) ? (group['versions'] as unknown[]) : [];
      const versions = [...preferred, ...all].filter(isRecord).map((version) => String(version['groupVersion']));
      return [String(group['name']), [...new Set(versions)]] as const;
    }),
  );
}

/** The versions of a kind that are worth asking about: what the server prefers goes before what we would choose. */
export function candidatesOf({ group, apiVersions }: WatchedKind, groups: ServedGroups): readonly string[] {
  if (group === '') return apiVersions;
  const served = groups.get(group) ?? [];
  const preferred = served.slice(0, 1).filter((version) => apiVersions.includes(version));
  return [...new Set([...preferred, ...apiVersions.filter((version) => served.includes(version))])];
}

/** Reads an `APIResourceList`: the name of a kind in paths; null when the version does not have it. */
export function readPlural(body: unknown, kind: string): string | null {
  const resources = isRecord(body) && Array.isArray(body['resources']) ? (body['resources'] as unknown[]) : [];
  const found = resources
    .filter(isRecord)
    .find((resource) => resource['kind'] === kind && !String(resource['name']).includes('/'));
  return found === undefined ? null : String(found['name']);
}

/** Groups are asked for once for all kinds that look for theirs at about the same time. */
const keptMs = 2000;

export class Discovery {
  readonly #requests: KubernetesRequests;
  readonly #clock: Clock;
  readonly #answers = new Map<string, { atMs: number; answer: Promise<Answer> }>();

  constructor(requests: KubernetesRequests, clock: Clock) {
    this.#requests = requests;
    this.#clock = clock;
  }

  /** Where a kind is served, or null when it is not. Throws a MeshError when the server does not say. */
  async locate(kind: WatchedKind): Promise<Location | null> {
    const groups = kind.group === '' ? new Map<string, readonly string[]>() : readGroups(await this.#get('/apis'));
    for (const apiVersion of candidatesOf(kind, groups)) {
      const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      const plural = readPlural(await this.#get(path), kind.kind);
      if (plural !== null) return { apiVersion, plural };
    }
    return null;
  }

  /** A document, or null for a 404. */
  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#ask(path);
    if (status === 404) return null;
    if (status !== 200) throw new MeshError('unavailable', `${path} was answered with ${status}`);
    return parse(path, body);
  }

  #ask(path: string): Promise<Answer> {
    const nowMs = this.#clock.monotonic();
    const known = this.#answers.get(path);
    if (known !== undefined && nowMs - known.atMs < keptMs) return known.answer;
    const answer = this.#requests.get(path, 'application/json', AbortSignal.timeout(30_000));
    this.#answers.set(path, { atMs: nowMs, answer });
    // A failure is not kept.
    answer.catch(() => this.#answers.delete(path));
    return answer;
  }
}

function parse(path: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new MeshError('protocol', `${path} was answered with what is no JSON`, { cause });
  }
}
