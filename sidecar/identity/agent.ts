import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import { createCsr } from '#shared/x509/csr.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { CertificateCache } from './certificate-cache.ts';
import { acceptChain, acceptKept } from './received-chain.ts';
import { startRenewal, stepRenewal, type RenewalEvent, type RenewalState } from './renewal.ts';

/**
 * The workload's identity. Keys are made here, a new one for each certificate, and are never sent; what goes out is a
 * CSR, what comes back is checked before it is used. The certificate is published in a Watch: new handshakes take the
 * latest, open connections live on. It is renewed at half of its life; while that fails it stays in use until it
 * expires, then there is none. The agent owns its timer, the attempt in flight, and the kept certificate.
 *
 *   cache -> accepted ---------------------+
 *   key -> CSR -> source -> accepted chain +-> certificates (Watch) -> TLS contexts
 *    ^                                     |
 *    +--- renewal (when) <-----------------+
 */

/** Where certificates come from. */
export type CertificateSource = Readonly<{
  /** A chain for the CSR, leaf first, root last; `current` is what the caller may show to be known by. */
  request(csr: string, current: WorkloadCertificate | null, signal: AbortSignal): Promise<readonly string[]>;
}>;

/** What an agent is made of. */
export type IdentityAgentOptions = Readonly<{
  source: CertificateSource;
  /** null: nothing is written to disk, not the key and not the certificate. */
  cache: CertificateCache | null;
  /** The identity that this workload must get, if that is known. */
  expectedId: string | null;
  /** The life that is asked for; 0: the authority's default. A kept certificate with a longer one is replaced at once. */
  wantedLifeMs: number;
  clock: Clock;
  random: Random;
  /** Told of failures that are tried again. */
  onFailure: (message: string) => void;
}>;

/** What the admin port tells. Times are milliseconds since the epoch. */
export type IdentityState = Readonly<{
  spiffeId: string | null;
  serial: string | null;
  notBefore: number | null;
  notAfter: number | null;
  nextRenewalAt: number;
  failures: number;
  lastError: string | null;
}>;

/** Timers are cut to this: longer ones overflow (Node's are 31 bits), and a suspended machine must catch up. */
const maxSleepMs = 3_600_000;
const makeKeyPair = promisify(generateKeyPair);

/** See the head of the file. */
export class IdentityAgent {
  readonly #options: IdentityAgentOptions;
  readonly #source = new WatchSource<WorkloadCertificate | null>(null);
  readonly #abort = new AbortController();
  #renewal: RenewalState;
  #lastError: string | null = null;
  #attempt: Promise<void> | null = null;
  #cancelTimer: () => void = () => undefined;

  constructor(options: IdentityAgentOptions) {
    this.#options = options;
    this.#renewal = startRenewal(options.clock.now());
  }

  get certificates(): Watch<WorkloadCertificate | null> {
    return this.#source;
  }

  /** Takes the kept certificate if it is still good, and begins to renew; does not wait for the first certificate. */
  async start(): Promise<void> {
    const kept = await this.#readKept();
    if (this.#abort.signal.aborted) return;
    if (kept !== null) this.#use(kept, 'kept');
    this.#wake();
  }

  state(): IdentityState {
    const current = this.#source.current();
    return {
      spiffeId: current?.spiffeId ?? null,
      serial: current?.serial ?? null,
      notBefore: current?.notBefore ?? null,
      notAfter: current?.notAfter ?? null,
      nextRenewalAt: this.#renewal.nextAttemptAt,
      failures: this.#renewal.failures,
      lastError: this.#lastError,
    };
  }

  /** Ends the renewal and waits for the attempt in flight; the current certificate stays published. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer();
    await this.#attempt;
  }

  #wake(): void {
    const { clock } = this.#options;
    const current = this.#renewal.current;
    if (current !== null && clock.now() >= current.notAfter) {
      this.#step({ kind: 'expired' });
      this.#source.set(null);
    }
    if (this.#attempt === null && clock.now() >= this.#renewal.nextAttemptAt) {
      this.#attempt = this.#renew().finally(() => {
        this.#attempt = null;
        this.#sleep();
      });
    }
    this.#sleep();
  }

  #sleep(): void {
    this.#cancelTimer();
    if (this.#abort.signal.aborted) return;
    const { clock } = this.#options;
    const due = this.#attempt === null ? this.#renewal.nextAttemptAt : Number.POSITIVE_INFINITY;
    const wakeAt = Math.min(due, this.#renewal.current?.notAfter ?? Number.POSITIVE_INFINITY);
    const delayMs = Math.min(Math.max(wakeAt - clock.now(), 0), maxSleepMs);
    this.#cancelTimer = clock.after(delayMs, () => this.#wake());
  }

  async #renew(): Promise<void> {
    try {
      const certificate = await this.#request();
      this.#lastError = null;
      this.#use(certificate, 'issued');
      await this.#keep(certificate);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#step({ kind: 'failed', now: this.#options.clock.now() });
      this.#report(`no new certificate: ${describeError(error)}`);
    }
  }

  async #request(): Promise<WorkloadCertificate> {
    const { source, expectedId, clock } = this.#options;
    const pair: { publicKey: KeyObject; privateKey: KeyObject } = await makeKeyPair('ec', { namedCurve: 'P-256' });
    this.#abort.signal.throwIfAborted();
    const csr = createCsr(pair, expectedId ?? undefined);
    const chain = await source.request(csr, this.#source.current(), this.#abort.signal);
    const accepted = acceptChain({ pem: chain.join('\n'), key: pair.privateKey, expectedId, now: clock.now() });
    if (!accepted.ok) throw new MeshError('certificate', `refused what came: ${formatProblems(accepted.problems)}`);
    return accepted.value;
  }

  #use(certificate: WorkloadCertificate, kind: 'issued' | 'kept'): void {
    const { notBefore, notAfter } = certificate;
    const { clock, wantedLifeMs } = this.#options;
    this.#step({ kind, validity: { notBefore, notAfter }, now: clock.now(), wantedLifeMs });
    this.#source.set(certificate);
  }

  #step(event: RenewalEvent): void {
    this.#renewal = stepRenewal(this.#renewal, event, this.#options.random);
  }

  /** A kept certificate that cannot be used costs one request, no more. */
  async #readKept(): Promise<WorkloadCertificate | null> {
    const { cache, expectedId, clock } = this.#options;
    try {
      const kept = (await cache?.read()) ?? null;
      if (kept === null) return null;
      const accepted = acceptKept({ ...kept, expectedId, now: clock.now() });
      if (accepted.ok) return accepted.value;
      this.#report(`the kept certificate is not used: ${formatProblems(accepted.problems)}`);
    } catch (error) {
      this.#report(`the kept certificate is not used: ${describeError(error)}`);
    }
    return null;
  }

  async #keep(certificate: WorkloadCertificate): Promise<void> {
    try {
      await this.#options.cache?.write(certificate);
    } catch (error) {
      this.#report(`the certificate is not kept: ${describeError(error)}`);
    }
  }

  #report(message: string): void {
    this.#lastError = message;
    this.#options.onFailure(message);
  }
}
