/**
 * Asks the resolvers of resolv.conf what the mesh does not know: in their order, over UDP or TCP as the application asked, each for a
 * share of the time that an application's own resolver waits, and those that cannot say are passed over. The message goes out and comes
 * back as it is, but for its id.
 */
import { formatHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Ask } from './exchange.ts';
import { flagBits, type Layout, layoutOf, rcodeOf, rcodes, withId } from './message.ts';
import { isSameQuestion, type Query } from './query.ts';
import type { ResolvConf } from './resolv-conf.ts';

/** An answer that was asked for, with the id of the query. */
export type ForwardedAnswer = Readonly<{ message: Buffer; layout: Layout }>;

/** An application waits 5 s as a rule (resolv.conf(5)): what comes later comes to nobody. */
const patienceMs = 4500;
/** Questions that may wait for answers at once: each has a socket. */
const maxWaiting = 512;

/** These say that this server does not know; the next one may. */
const unwilling: ReadonlySet<number> = new Set([rcodes.serverFailure, rcodes.notImplemented, rcodes.refused]);

export type ForwarderOptions = Readonly<{
  ask: Ask;
  random: Random;
  /** Addresses at which we listen: never asked, that would be asking ourselves. */
  own: () => readonly HostPort[];
  onProblem: (server: string, reason: unknown) => void;
}>;

export class Forwarder {
  readonly #options: ForwarderOptions;
  /** Own ports and ids of what waits for an answer. */
  readonly #waiting = new Set<string>();
  #count = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /**
   * Whether a query that came from a port is one of ours, led back by capture rules that do not spare this process: to forward it would
   * never end.
   */
  isOwn(port: number, id: number): boolean {
    return this.#waiting.has(`${port} ${id}`);
  }

  /** The answer of the first server that has one, or of the last that was not willing; null when nobody answers. */
  async forward(query: Query, transport: 'udp' | 'tcp', conf: ResolvConf): Promise<ForwardedAnswer | null> {
    const tries = this.#triesOf(conf, transport);
    if (this.#count >= maxWaiting || tries.length === 0) return null;
    this.#count++;
    try {
      let unwillingAnswer: ForwardedAnswer | null = null;
      for (const server of tries) {
        const timeoutMs = Math.min(conf.timeoutMs, patienceMs / tries.length);
        const answer = await this.#ask(query, { server, transport, timeoutMs });
        if (answer === null) continue;
        if (!unwilling.has(rcodeOf(answer.message))) return answer;
        unwillingAnswer = answer;
      }
      return unwillingAnswer;
    } finally {
      this.#count--;
    }
  }

  /** The servers in their order; a datagram may be lost, so a single one is asked again. */
  #triesOf({ servers, attempts }: ResolvConf, transport: 'udp' | 'tcp'): readonly HostPort[] {
    const own = this.#options.own();
    const others = servers.filter((server) => !own.some((one) => isSamePlace(one, server)));
    return transport === 'udp' && others.length === 1 && attempts > 1 ? [...others, ...others] : others;
  }

  async #ask(
    query: Query,
    { server, transport, timeoutMs }: Readonly<{ server: HostPort; transport: 'udp' | 'tcp'; timeoutMs: number }>,
  ): Promise<ForwardedAnswer | null> {
    const { ask, random, onProblem } = this.#options;
    const id = Math.floor(random() * 65_536);
    const isAnswer = (message: Buffer): boolean => {
      const layout = layoutOf(message);
      const head = layout === null ? 0 : message.readUInt16BE(2) & (flagBits.response | flagBits.opcode);
      return (
        layout !== null &&
        head === flagBits.response &&
        message.readUInt16BE(0) === id &&
        isSameQuestion(query, message, layout.questionEnd)
      );
    };
    const onPort = (port: number) => {
      const key = `${port} ${id}`;
      this.#waiting.add(key);
      return () => this.#waiting.delete(key);
    };
    try {
      const message = await ask({ server, transport, message: withId(query.message, id), timeoutMs, isAnswer, onPort });
      const layout = layoutOf(message);
      return layout === null ? null : { message: withId(message, query.id), layout };
    } catch (error) {
      onProblem(formatHostPort(server.host, server.port), error);
      return null;
    }
  }
}

/** An unspecified address leads to this machine, to us too. */
function isSamePlace(own: HostPort, server: HostPort): boolean {
  return own.port === server.port && (own.host === server.host || isUnspecified(server.host));
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
