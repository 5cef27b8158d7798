/**
 * The generator: customers who place, pay, submit, look for, search and cancel orders, at a steady rate of requests.
 *
 * In: a target rate and an address. Out: requests by plain `fetch` (through a proxy, when the environment names one), and
 * counts. The rate is kept whatever the answers take (an open loop), so a slow service shows as latency. What is asked and
 * what is right is journey.ts; this file has the clock and the network.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { advance, askOf, beginJourney, type Ask, type Journey, type Reply } from './journey.ts';
import { seededRandom } from './random.ts';
import type { TrafficSettings } from './settings.ts';
import { Stats } from './stats.ts';

type Waiting = Readonly<{ journey: Journey; notBeforeMs: number }>;

const tickMs = 10;

/** Sends requests until stopped. */
export class Generator {
  readonly stats = new Stats();
  readonly #settings: TrafficSettings;
  readonly #random: () => number;
  readonly #run: string;
  readonly #waiting: Waiting[] = [];
  readonly #flying = new Set<Promise<void>>();
  #begun = 0;
  #sent = 0;
  #startedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: TrafficSettings) {
    this.#settings = settings;
    this.#random = seededRandom(settings.SEED);
    this.#run = settings.RUN_ID ?? randomBytes(6).toString('hex');
  }

  /** Starts to send. */
  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Sends no more; waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#flying);
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) / 1000) * this.#settings.RATE);
    for (; this.#sent < due; this.#sent++) {
      if (this.#flying.size >= this.#settings.MAX_IN_FLIGHT) {
        this.stats.skip();
        continue;
      }
      const flight = this.#fly(this.#take());
      this.#flying.add(flight);
      void flight.finally(() => this.#flying.delete(flight));
    }
  }

  /** The journey that goes on next; a new one when none is due. */
  #take(): Journey {
    if (this.#random() < 0.05) return { ...this.#begin(), step: 'search' };
    const now = performance.now();
    const index = this.#waiting.findIndex((waiting) => waiting.notBeforeMs <= now);
    const [waiting] = index < 0 ? [] : this.#waiting.splice(index, 1);
    return waiting?.journey ?? this.#begin();
  }

  #begin(): Journey {
    this.#begun++;
    return beginJourney(`${this.#run}-${this.#begun}`, this.#random);
  }

  async #fly(journey: Journey): Promise<void> {
    const startedMs = performance.now();
    const { reply, paymentsVersion } = await this.#send(askOf(journey));
    const { next, delayMs, wrong, ended } = advance(journey, reply);
    const isOk = reply.status >= 200 && reply.status < 300 && wrong === undefined;
    const { step } = journey;
    this.stats.add(
      { step, status: reply.status, ms: performance.now() - startedMs, isOk, paymentsVersion },
      new Date(),
    );
    if (wrong !== undefined) this.stats.wrong(`${journey.name}: ${wrong}`);
    if (ended !== undefined) this.stats.end(ended);
    if (next !== undefined) this.#waiting.push({ journey: next, notBeforeMs: performance.now() + delayMs });
  }

  async #send(ask: Ask): Promise<Readonly<{ reply: Reply; paymentsVersion?: string | undefined }>> {
    const headers: Record<string, string> = { 'x-request-id': randomUUID() };
    if (ask.key !== undefined) headers['idempotency-key'] = ask.key;
    if (ask.ifMatch !== undefined) headers['if-match'] = ask.ifMatch;
    if (ask.minPosition !== undefined) headers['x-min-position'] = ask.minPosition;
    if (ask.body !== undefined) headers['content-type'] = 'application/json';
    const body = ask.body === undefined ? null : JSON.stringify(ask.body);
    const signal = AbortSignal.timeout(this.#settings.TIMEOUT_MS);
    try {
      const url = `${this.#settings.ORDERS_URL.replace(/\/$/, '')}${ask.path}`;
      const response = await fetch(url, { method: ask.method, headers, body, signal });
      const parsed = parseBody(await response.text());
      const etag = response.headers.get('etag') ?? undefined;
      const paymentsVersion = response.headers.get('x-payments-version') ?? undefined;
      return { reply: { status: response.status, body: parsed, etag }, paymentsVersion };
    } catch (error) {
      return { reply: { status: 0, body: { code: error instanceof Error ? error.name : 'unknown' } } };
    }
  }
}

function parseBody(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
