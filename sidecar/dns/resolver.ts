/**
 * The DNS proxy of a sidecar, without its sockets: a message of an application -> an answer.
 *
 *   message -> parseQuery -> decide (names of the mesh) -> answer
 *                               |
 *                               +-- forward -> cache -> Forwarder -> resolvers of resolv.conf
 *
 * Until the first table of names has come, it is not known who is of the mesh: the answer is that it failed, which makes a client ask
 * again (Istio does the same).
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { NameTable } from '../snapshot/name-table.ts';
import { decide } from './answer.ts';
import { AnswerCache, questionKey } from './cache.ts';
import type { ForwardedAnswer, Forwarder } from './forwarder.ts';
import { headLength, layoutOf, rcodeOf, rcodes, truncate, withId, withRcode } from './message.ts';
import type { DnsMetrics } from './metrics.ts';
import { Names } from './names.ts';
import { failure, maxAnswerBytes, parseQuery, type Query } from './query.ts';
import type { ResolvConf } from './resolv-conf.ts';

export type ResolverOptions = Readonly<{
  /** Null until the first table has come. */
  names: Watch<NameTable | null>;
  namespace: string;
  /** Domain of services: `svc.cluster.local`. */
  domain: string;
  resolvConf: () => ResolvConf;
  forwarder: Pick<Forwarder, 'forward' | 'isOwn'>;
  metrics: DnsMetrics;
  clock: Clock;
  random: Random;
  /** Whether all is forwarded before the first table: where this process itself resolves names through the proxy. */
  forwardsBeforeNames: boolean;
}>;

export class DnsResolver {
  readonly #options: ResolverOptions;
  readonly #cache = new AnswerCache();
  /** Questions that were asked and are not answered yet, by what they ask and how. */
  readonly #asked = new Map<string, Promise<ForwardedAnswer | null>>();
  #table: NameTable | null = null;
  #conf: ResolvConf | null = null;
  #names: Names | null = null;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** Answers a message; null: nothing is said. Never throws for what is in a message. */
  async answer(message: Buffer, transport: 'udp' | 'tcp', fromPort: number): Promise<Buffer | null> {
    this.#options.metrics.requests++;
    const parsed = parseQuery(message);
    switch (parsed.kind) {
      case 'drop':
        return null;
      case 'refuse':
        return parsed.answer;
      case 'query':
        return this.#resolve(parsed.query, transport, fromPort);
    }
  }

  async #resolve(query: Query, transport: 'udp' | 'tcp', fromPort: number): Promise<Buffer> {
    const { forwarder, random, forwardsBeforeNames } = this.#options;
    if (forwarder.isOwn(fromPort, query.id)) return failure(query, rcodes.serverFailure);
    const names = this.#currentNames();
    if (names === null && !forwardsBeforeNames) return failure(query, rcodes.serverFailure);
    const decision =
      names === null ? ({ kind: 'forward', isKnown: false } as const) : decide(query, names, transport, random);
    if (decision.kind === 'answer') return decision.message;
    const answer = await this.#forward(query, transport);
    // The name exists, whatever they know: to deny it would deny its addresses too (RFC 8020).
    return decision.isKnown && rcodeOf(answer) === rcodes.nameError ? withRcode(answer, rcodes.noError) : answer;
  }

  async #forward(query: Query, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const { clock, metrics } = this.#options;
    const conf = this.#resolvConf();
    const kept = this.#cache.get(query, clock.monotonic());
    if (kept !== null) {
      metrics.cacheHits++;
      return forClient(kept, query, transport);
    }
    const answer = await this.#askOnce(query, transport, conf);
    return answer === null ? failure(query, rcodes.serverFailure) : forClient(answer.message, query, transport);
  }

  /** Many threads of an application ask the same at once: the first asks for all. */
  #askOnce(query: Query, transport: 'udp' | 'tcp', conf: ResolvConf): Promise<ForwardedAnswer | null> {
    const question = questionKey(query);
    if (question === null) return this.#ask(query, transport, conf);
    const key = `${transport} ${question}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = this.#ask(query, transport, conf).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #ask(query: Query, transport: 'udp' | 'tcp', conf: ResolvConf): Promise<ForwardedAnswer | null> {
    const { clock, forwarder, metrics } = this.#options;
    metrics.upstreamRequests++;
    const begin = clock.monotonic();
    const answer = await forwarder.forward(query, transport, conf);
    metrics.observe((clock.monotonic() - begin) / 1000);
    if (answer === null) metrics.upstreamFailures++;
    // What came by an older file is not kept under a newer one.
    else if (this.#conf === conf) this.#cache.put(query, answer, clock.monotonic());
    return answer;
  }

  /** The file as it is now; with another one, nothing holds that the former resolvers said. */
  #resolvConf(): ResolvConf {
    const conf = this.#options.resolvConf();
    if (conf !== this.#conf) {
      this.#conf = conf;
      this.#names = null;
      this.#cache.clear();
    }
    return conf;
  }

  #currentNames(): Names | null {
    const { names, namespace, domain } = this.#options;
    const table = names.current();
    const { search } = this.#resolvConf();
    if (table === null) return null;
    if (this.#names === null || table !== this.#table) {
      this.#names = new Names(table, { namespace, domain, search: search[0] ?? '' });
      this.#table = table;
    }
    return this.#names;
  }
}

/** The answer as this client asked for it: its id, its capital letters in the name, no larger than it takes. */
function forClient(answer: Buffer, query: Query, transport: 'udp' | 'tcp'): Buffer {
  const message = withId(answer, query.id);
  query.message.copy(message, headLength, headLength, query.questionEnd);
  const limit = maxAnswerBytes(query, transport);
  const layout = message.length > limit ? layoutOf(message) : null;
  return layout === null ? message : truncate(message, layout, limit);
}
