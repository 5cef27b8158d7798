/**
 * Proxies of both forms of the protocol against random changes, in random order of delivery: whatever happens, a route never
 * names a cluster that the proxy does not have, and when everything was delivered the proxy has what it should.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#shared/xds/discovery.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { stepDeltaSession } from './delta-session.ts';
import { newSession, type SessionEvent, type SessionState, type Step } from './session-state.ts';
import { stepSession } from './session.ts';
import type { ProxySnapshot } from './snapshot.ts';
import { aSnapshot, urls, type Contents } from './testing/drive.ts';

type Held = Record<string, Map<string, string>>;
type Update = Readonly<{
  typeUrl: string;
  nonce: string;
  set: ReadonlyMap<string, string>;
  removed: readonly string[];
}>;

/** What both kinds of proxy do alike: hold resources, and ask for what clusters and listeners refer to. */
abstract class Proxy<Request, Response> {
  readonly held: Held = { [urls.CDS]: new Map(), [urls.EDS]: new Map(), [urls.LDS]: new Map(), [urls.RDS]: new Map() };
  readonly requests: Request[] = [];
  mayRefuse = true;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  abstract start(): void;
  protected abstract read(response: Response): Update;
  protected abstract reply(update: Update, isRefused: boolean): void;
  protected abstract wants(typeUrl: string, before: readonly string[], now: readonly string[]): void;

  receive(response: Response): void {
    const update = this.read(response);
    const { typeUrl, set, removed } = update;
    // A proxy that refuses clusters cannot be helped: routes that name them follow.
    const isRefused = this.mayRefuse && typeUrl !== urls.CDS && set.size > 0 && this.#random() < 0.1;
    this.reply(update, isRefused);
    if (isRefused) return;
    const held = this.held[typeUrl]!;
    const before = [...held.keys()];
    for (const [name, version] of set) held.set(name, version);
    for (const name of removed) held.delete(name);
    const child = typeUrl === urls.CDS ? urls.EDS : typeUrl === urls.LDS ? urls.RDS : undefined;
    if (child === undefined) return;
    for (const name of this.held[child]!.keys()) if (!held.has(name)) this.held[child]!.delete(name);
    this.wants(child, before, [...held.keys()]);
  }
}

class DeltaProxy extends Proxy<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly #base = {
    resourceNamesSubscribe: [],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: {},
    responseNonce: '',
  };

  start(): void {
    for (const typeUrl of [urls.CDS, urls.LDS]) this.requests.push({ ...this.#base, typeUrl });
  }

  protected read({ typeUrl, nonce, resources, removedResources }: DeltaDiscoveryResponse): Update {
    const set = new Map(resources.map(({ name, resource }) => [name, versionIn(resource.value)]));
    return { typeUrl, nonce, set, removed: removedResources };
  }

  protected reply({ typeUrl, nonce }: Update, isRefused: boolean): void {
    const errorDetail = isRefused ? { code: 13, message: 'no' } : undefined;
    this.requests.push({ ...this.#base, typeUrl, responseNonce: nonce, errorDetail });
  }

  protected wants(typeUrl: string, before: readonly string[], now: readonly string[]): void {
    const resourceNamesSubscribe = [...new Set(now).difference(new Set(before))];
    const resourceNamesUnsubscribe = [...new Set(before).difference(new Set(now))];
    if (resourceNamesSubscribe.length + resourceNamesUnsubscribe.length > 0)
      this.requests.push({ ...this.#base, typeUrl, resourceNamesSubscribe, resourceNamesUnsubscribe });
  }
}

class SotwProxy extends Proxy<DiscoveryRequest, DiscoveryResponse> {
  readonly #nonces = new Map<string, string>();
  readonly #names = new Map<string, readonly string[]>();

  start(): void {
    for (const typeUrl of [urls.CDS, urls.LDS]) this.#ask(typeUrl);
  }

  protected read({ typeUrl, nonce, resources }: DiscoveryResponse): Update {
    const set = new Map(resources.map(({ value }) => [value.toString().split('@')[0]!, versionIn(value)]));
    const isFull = typeUrl === urls.CDS || typeUrl === urls.LDS;
    return {
      typeUrl,
      nonce,
      set,
      removed: isFull ? [...this.held[typeUrl]!.keys()].filter((name) => !set.has(name)) : [],
    };
  }

  protected reply({ typeUrl, nonce }: Update, isRefused: boolean): void {
    this.#nonces.set(typeUrl, nonce);
    this.#ask(typeUrl, isRefused ? { code: 13, message: 'no' } : undefined);
  }

  protected wants(typeUrl: string, before: readonly string[], now: readonly string[]): void {
    if (new Set(now).symmetricDifference(new Set(before)).size === 0) return;
    this.#names.set(typeUrl, now);
    this.#ask(typeUrl);
  }

  #ask(typeUrl: string, errorDetail?: { code: number; message: string }): void {
    const resourceNames = this.#names.get(typeUrl) ?? [];
    this.requests.push({
      typeUrl,
      versionInfo: '',
      resourceNames,
      responseNonce: this.#nonces.get(typeUrl) ?? '',
      errorDetail,
    });
  }
}

function versionIn(body: Buffer): string {
  return body.toString().split('@')[1]!;
}

/** Routes and clusters of a random world; a route's version tells the clusters that it names: `7/a,b`. */
function aWorld(random: () => number, revision: number): Contents {
  const some = (names: string[]) => names.filter(() => random() < 0.6);
  const clusters = ['a', ...some(['b', 'c', 'd', 'e'])];
  const listeners = ['l', ...some(['m', 'n'])];
  const version = () => (random() < 0.5 ? revision : 1 + Math.floor(random() * revision));
  const versioned = (names: string[]) => names.map((name) => `${name}@${version()}`).join(' ');
  const routes = listeners.map((name) => `${name}@${version()}/${some(clusters).join(',')}`);
  return { CDS: versioned(clusters), EDS: versioned(clusters), LDS: versioned(listeners), RDS: routes.join(' ') };
}

function simulate<Request, Response>(
  proxy: Proxy<Request, Response>,
  step: (state: SessionState, event: SessionEvent<Request>) => Step<Response>,
  random: () => number,
): void {
  let snapshot = aSnapshot(1, aWorld(random, 1));
  let state = newSession(snapshot);
  const responses: Response[] = [];
  const dispatch = (event: SessionEvent<Request>): void => {
    const [next, effects] = step(state, event);
    state = next;
    for (const effect of effects) if (effect.kind === 'send') responses.push(effect.response);
  };
  const publish = (generation: number): void => {
    snapshot = aSnapshot(generation, aWorld(random, generation));
    dispatch({ kind: 'snapshot', snapshot });
  };
  const deliver = (): boolean => {
    const toServer = proxy.requests.length > 0 && (responses.length === 0 || random() < 0.5);
    if (toServer) dispatch({ kind: 'request', request: proxy.requests.shift()! });
    else if (responses.length > 0) proxy.receive(responses.shift()!);
    else return false;
    assertRoutable(proxy.held);
    return true;
  };
  proxy.start();
  for (let generation = 2; generation < 20; generation++) {
    for (let events = Math.floor(random() * 25); events > 0; events--) deliver();
    publish(generation);
  }
  proxy.mayRefuse = false;
  // Everything gets a version that was never refused.
  for (let generation = 1000; generation < 1002; generation++) publish(generation);
  snapshot = aSnapshot(2000, { CDS: 'a@x b@x', EDS: 'a@x b@x', LDS: 'l@x', RDS: 'l@x/a,b' });
  dispatch({ kind: 'snapshot', snapshot });
  for (let events = 0; deliver(); events++) assert.ok(events < 1000, 'the two never come to rest');
  assert.deepEqual(plain(proxy.held), wanted(snapshot));
  assert.equal(state.appliedGeneration, 2000);
}

function assertRoutable(held: Held): void {
  for (const [route, version] of held[urls.RDS]!)
    for (const cluster of version
      .split('/')[1]!
      .split(',')
      .filter((name) => name !== ''))
      assert.ok(
        held[urls.CDS]!.has(cluster),
        `route ${route}@${version} names ${cluster}, which the proxy does not have`,
      );
}

function wanted({ resources }: ProxySnapshot): unknown {
  return Object.fromEntries(
    [...resources].map(([typeUrl, map]) => [
      typeUrl,
      [...map].map(([name, { version }]) => `${name}@${version}`).sort(),
    ]),
  );
}

function plain(held: Held): unknown {
  return Object.fromEntries(
    Object.entries(held).map(([typeUrl, map]) => [
      typeUrl,
      [...map].map(([name, version]) => `${name}@${version}`).sort(),
    ]),
  );
}

const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

test('incremental proxies converge, and are never without a cluster that a route names', () => {
  for (const seed of seeds) inSeed(seed, (random) => simulate(new DeltaProxy(random), stepDeltaSession, random));
});

test('state-of-the-world proxies converge, and are never without a cluster that a route names', () => {
  for (const seed of seeds) inSeed(seed, (random) => simulate(new SotwProxy(random), stepSession, random));
});

function inSeed(seed: number, run: (random: () => number) => void): void {
  try {
    run(seededRandom(seed));
  } catch (cause) {
    throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
  }
}
