/**
 * Where certificates come from: in come references of the configuration, out go watches of what they name, which change when
 * the workload's certificate is renewed or a file is written anew. Keys stay wrapped until OpenSSL gets them.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#shared/runtime/clock.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { SecretReference } from './tls-settings.ts';

/** A certificate chain in PEM, and its key. */
export type KeyPair = Readonly<{ certificate: string; key: Secret }>;

/** Answers references. Null: not there (yet). */
export interface SecretStore {
  secret(reference: SecretReference): Watch<KeyPair | null>;
  bundle(reference: SecretReference): Watch<string | null>;
}

/** Names under which the identity agent answers; those of Istio's agent. */
export const workloadSecretNames = { certificate: 'default', roots: 'ROOTCA' } as const;

/** How often files are looked at. */
const filePollMs = 10_000;

const nothing: Watch<null> = { current: () => null, subscribe: () => () => undefined };

/** What the store is made with. */
export type WorkloadSecretsOptions = Readonly<{
  /** The identity of this workload; null until it is issued. */
  workload: Watch<WorkloadCertificate | null>;
  clock: Clock;
  /** Hears of files that cannot be read; the last good content stays in use. */
  onProblem: (path: string, error: unknown) => void;
}>;

/** Secrets of the identity agent, of files and of the configuration itself. */
export class WorkloadSecrets implements SecretStore {
  readonly #options: WorkloadSecretsOptions;
  readonly #files = new Map<string, WatchedFile>();

  constructor(options: WorkloadSecretsOptions) {
    this.#options = options;
  }

  secret(reference: SecretReference): Watch<KeyPair | null> {
    if (reference.kind === 'sds')
      return reference.name === workloadSecretNames.certificate
        ? derive(this.#options.workload, (own) => own && { certificate: own.chainPem, key: own.key })
        : nothing;
    if (reference.key === null) return nothing;
    if (reference.kind === 'inline')
      return constant({ certificate: reference.certificate, key: new Secret(reference.key) });
    return join(this.#file(reference.certificate), this.#file(reference.key));
  }

  bundle(reference: SecretReference): Watch<string | null> {
    if (reference.kind === 'sds')
      return reference.name === workloadSecretNames.roots
        ? derive(this.#options.workload, (own) => own && own.rootsPem)
        : nothing;
    return reference.kind === 'inline' ? constant(reference.certificate) : this.#file(reference.certificate);
  }

  /** Resolves when each file that was asked for has been read once, or could not be. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#files.values(), (file) => file.firstRead));
  }

  /** Looks at no file any more. */
  close(): void {
    for (const file of this.#files.values()) file.close();
  }

  #file(path: string): Watch<string | null> {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = new WatchedFile(path, this.#options);
      this.#files.set(path, file);
    }
    return file.content;
  }
}

/** A file's text, read again and again; polling also sees the symbolic links that Kubernetes swaps. */
class WatchedFile {
  readonly content = new WatchSource<string | null>(null);
  readonly firstRead: Promise<void>;
  readonly #path: string;
  readonly #options: WorkloadSecretsOptions;
  #stopTimer: (() => void) | null = null;
  #isClosed = false;

  constructor(path: string, options: WorkloadSecretsOptions) {
    this.#path = path;
    this.#options = options;
    this.firstRead = this.#read();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  #read(): Promise<void> {
    return readFile(this.#path, 'utf8')
      .then(
        (text) => this.content.set(text),
        (error: unknown) => this.#options.onProblem(this.#path, error),
      )
      .then(() => {
        if (!this.#isClosed) this.#stopTimer = this.#options.clock.after(filePollMs, () => void this.#read());
      });
  }
}

function constant<T>(value: T): Watch<T> {
  return { current: () => value, subscribe: () => () => undefined };
}

/** Another view of a watch; the same source value gives the same view. */
function derive<T, U>(source: Watch<T>, view: (value: T) => U): Watch<U> {
  let known: Readonly<{ from: T; to: U }> | null = null;
  const viewOf = (value: T): U => {
    if (known === null || !Object.is(known.from, value)) known = { from: value, to: view(value) };
    return known.to;
  };
  return {
    current: () => viewOf(source.current()),
    subscribe: (listener) => source.subscribe((value) => listener(viewOf(value))),
  };
}

/** A pair from its two files, once both are there. */
function join(certificate: Watch<string | null>, key: Watch<string | null>): Watch<KeyPair | null> {
  const current = (): KeyPair | null => {
    const [chain, secret] = [certificate.current(), key.current()];
    return chain === null || secret === null ? null : { certificate: chain, key: new Secret(secret) };
  };
  return {
    current,
    subscribe: (listener) => {
      const stops = [certificate, key].map((half) => half.subscribe(() => listener(current())));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
