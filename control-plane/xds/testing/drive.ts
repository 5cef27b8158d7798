import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#shared/xds/discovery.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { stepDeltaSession } from '../delta-session.ts';
import { stepSession } from '../session.ts';
import { newSession, type SessionEffect, type SessionEvent, type SessionState, type Step } from '../session-state.ts';
import type { ProxySnapshot, SnapshotResource } from '../snapshot.ts';

/** The types by the names that tests call them. */
export const urls = {
  CDS: typeUrls.cluster,
  EDS: typeUrls.endpoints,
  LDS: typeUrls.listener,
  RDS: typeUrls.routes,
  SDS: typeUrls.secret,
  NDS: typeUrls.nameTable,
} as const;

export type Short = keyof typeof urls;

/** Resources as `name@version`; a cluster refers to the endpoints, a listener to the routes of its name. */
export type Contents = Partial<Record<Short, string>>;

/** A snapshot of resources written as `{ CDS: 'a@1 b@1' }`. */
export function aSnapshot(generation: number, contents: Contents): ProxySnapshot {
  const resources = new Map<string, ReadonlyMap<string, SnapshotResource>>();
  for (const [short, list] of Object.entries(contents) as [Short, string][]) {
    const entries = list.split(' ').filter((word) => word !== '');
    const made = entries.map((word) => aResource(short, word));
    resources.set(urls[short], new Map(made.map((resource) => [resource.name, resource])));
  }
  return { generation, resources };
}

function aResource(short: Short, word: string): SnapshotResource {
  const [name = '', version = ''] = word.split('@');
  const references = short === 'CDS' || short === 'LDS' ? [name] : [];
  return { typeUrl: urls[short], name, version, body: Buffer.from(word), references, origins: [`config/${name}`] };
}

type AnyResponse = DiscoveryResponse | DeltaDiscoveryResponse;

class Driver<Request, Response extends AnyResponse> {
  state: SessionState;
  readonly #step: (state: SessionState, event: SessionEvent<Request>) => Step<Response>;
  readonly #lastNonce = new Map<string, string>();

  constructor(snapshot: ProxySnapshot, step: (state: SessionState, event: SessionEvent<Request>) => Step<Response>) {
    this.state = newSession(snapshot);
    this.#step = step;
  }

  snapshot(generation: number, contents: Contents): string[] {
    return this.dispatch({ kind: 'snapshot', snapshot: aSnapshot(generation, contents) });
  }

  overdue(short: Short): string[] {
    return this.dispatch({ kind: 'overdue', typeUrl: urls[short], nonce: this.nonce(short) });
  }

  /** The nonce last sent of a type. */
  nonce(short: Short): string {
    return this.#lastNonce.get(urls[short]) ?? '';
  }

  dispatch(event: SessionEvent<Request>): string[] {
    const [state, effects] = this.#step(this.state, event);
    this.state = state;
    for (const effect of effects) if (effect.kind === 'send') this.#lastNonce.set(effect.typeUrl, effect.nonce);
    return effects.map(describe);
  }
}

/** Drives a state-of-the-world session; each call returns what it did, as short lines. */
export class Sotw extends Driver<DiscoveryRequest, DiscoveryResponse> {
  constructor(snapshot: ProxySnapshot) {
    super(snapshot, stepSession);
  }

  ask(short: Short, names: string, request: Partial<DiscoveryRequest> = {}): string[] {
    const resourceNames = names.split(' ').filter((name) => name !== '');
    const base = { typeUrl: urls[short], resourceNames, versionInfo: '', responseNonce: '' };
    return this.dispatch({ kind: 'request', request: { ...base, ...request } });
  }

  ack(short: Short, names: string): string[] {
    return this.ask(short, names, { responseNonce: this.nonce(short), versionInfo: 'v' });
  }

  nack(short: Short, names: string, message = 'no'): string[] {
    return this.ask(short, names, { responseNonce: this.nonce(short), errorDetail: { code: 13, message } });
  }
}

/** Drives an incremental session; each call returns what it did, as short lines. */
export class Delta extends Driver<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  constructor(snapshot: ProxySnapshot) {
    super(snapshot, stepDeltaSession);
  }

  /** `names`: `+a -b`, or `a` for `+a`. */
  ask(short: Short, names = '', request: Partial<DeltaDiscoveryRequest> = {}): string[] {
    const words = names.split(' ').filter((name) => name !== '');
    const base = {
      typeUrl: urls[short],
      resourceNamesSubscribe: words.filter((word) => !word.startsWith('-')).map((word) => word.replace('+', '')),
      resourceNamesUnsubscribe: words.filter((word) => word.startsWith('-')).map((word) => word.slice(1)),
      initialResourceVersions: {},
      responseNonce: '',
    };
    return this.dispatch({ kind: 'request', request: { ...base, ...request } });
  }

  ack(short: Short, nonce = this.nonce(short)): string[] {
    return this.ask(short, '', { responseNonce: nonce });
  }

  nack(short: Short, message = 'no'): string[] {
    return this.ask(short, '', { responseNonce: this.nonce(short), errorDetail: { code: 13, message } });
  }
}

function describe(effect: SessionEffect<AnyResponse>): string {
  switch (effect.kind) {
    case 'send':
      return `send ${short(effect.typeUrl)} ${contentOf(effect.response)}`.trim();
    case 'accepted':
      return `accepted ${short(effect.typeUrl)} g${effect.generation}`;
    case 'refused':
      return `refused ${short(effect.typeUrl)} g${effect.generation} ${effect.names.join(' ')}: ${effect.error.message}`;
    case 'applied':
      return `applied g${effect.generation}`;
  }
}

function contentOf(response: AnyResponse): string {
  if ('versionInfo' in response) return response.resources.map(({ value }) => value.toString()).join(' ');
  const removed = response.removedResources.map((name) => `-${name}`);
  return [...response.resources.map(({ resource }) => resource.value.toString()), ...removed].join(' ');
}

function short(typeUrl: string): string {
  return Object.entries(urls).find(([, url]) => url === typeUrl)?.[0] ?? typeUrl;
}
