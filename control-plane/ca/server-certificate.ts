import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { Authority } from './authority.ts';

/** What the control plane's own TLS servers serve with. Times are milliseconds since the epoch. */
export type ServerCredential = Readonly<{
  /** The leaf and its intermediates, without the root. */
  chainPem: string;
  key: Secret;
  /** Whom client certificates are judged by. */
  rootsPem: string;
  serial: string;
  notAfter: number;
}>;

/** The names and addresses that sidecars reach the control plane by. */
export type AdvertisedNames = Readonly<{ dnsNames: readonly string[]; addresses: readonly string[] }>;

const lifeMs = 24 * 3_600_000;
const retryMs = 60_000;

/**
 * The server certificate, made anew with a new key at half of its life and under every new authority. Should that fail until it expires, the value is
 * null: better no server than one whose certificate no client takes.
 */
export class ServerCertificate {
  readonly #authority: Authority;
  readonly #names: AdvertisedNames;
  readonly #clock: Clock;
  readonly #onFailure: (message: string) => void;
  readonly #source = new WatchSource<ServerCredential | null>(null);
  readonly #unsubscribe: () => void;
  #cancel: () => void = () => undefined;

  constructor(authority: Authority, names: AdvertisedNames, clock: Clock, onFailure: (message: string) => void) {
    this.#authority = authority;
    this.#names = names;
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#renew();
    // Under a new authority at once: clients that trust the new one alone must find it here.
    this.#unsubscribe = authority.keys.subscribe(() => {
      this.#cancel();
      this.#renew();
    });
  }

  get credentials(): Watch<ServerCredential | null> {
    return this.#source;
  }

  /** Ends the renewal; the current certificate stays. */
  close(): void {
    this.#unsubscribe();
    this.#cancel();
  }

  #renew(): void {
    const now = this.#clock.now();
    try {
      const next = this.#issue();
      this.#source.set(next);
      // Cut by the authority's own end, half of the rest may be next to nothing: not more often than once a second.
      const leftMs = next.notAfter - now;
      this.#schedule(Math.min(Math.max(leftMs / 2, 1000), leftMs));
    } catch (error) {
      this.#onFailure(`cannot renew the server certificate: ${describeError(error)}`);
      const current = this.#source.current();
      const leftMs = current === null ? Number.POSITIVE_INFINITY : current.notAfter - now;
      if (leftMs <= 0) this.#source.set(null);
      this.#schedule(leftMs > 0 ? Math.min(leftMs, retryMs) : retryMs);
    }
  }

  #schedule(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => this.#renew());
  }

  #issue(): ServerCredential {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = key.publicKey.export({ format: 'der', type: 'spki' });
    const { chain, serial, notAfter } = this.#authority.issueServer(this.#names, spki, lifeMs);
    return {
      chainPem: chain.slice(0, -1).join(''),
      key: new Secret(key.privateKey.export({ format: 'pem', type: 'pkcs8' })),
      rootsPem: this.#authority.rootsPem,
      serial,
      notAfter,
    };
  }
}
