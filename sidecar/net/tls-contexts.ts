import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { uriSans } from '#shared/x509/certificate.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { KeyPair, SecretStore } from './secret-store.ts';
import { toCipherList, type TlsSettings } from './tls-settings.ts';

/** One generation of what handshakes are made with. */
export type TlsMaterial = Readonly<{
  secure: SecureContext;
  /** The same as Node's options, for who needs a context of its own. */
  options: SecureContextOptions;
  /** URI SAN of our own certificate; empty without one. */
  localUriSan: string;
}>;

/**
 * The secure context of one TLS configuration, made when it is first needed and made anew after a secret changed: handshakes
 * from then on use it, open connections live on. Each context has ticket keys of its own (OpenSSL draws them), so that no session
 * is resumed across a rotation.
 */
export class TlsContext {
  readonly settings: TlsSettings;
  readonly #pairs: readonly Watch<KeyPair | null>[];
  readonly #bundle: Watch<string | null> | null;
  readonly #stops: readonly (() => void)[];
  #material: TlsMaterial | null = null;

  constructor(settings: TlsSettings, store: SecretStore) {
    this.settings = settings;
    this.#pairs = settings.certificates.map((reference) => store.secret(reference));
    const ca = settings.validation?.trustedCa ?? null;
    this.#bundle = ca === null || ca.kind === 'system' ? null : store.bundle(ca);
    const forget = () => {
      this.#material = null;
    };
    const watches: readonly Watch<unknown>[] = this.#bundle === null ? this.#pairs : [...this.#pairs, this.#bundle];
    this.#stops = watches.map((watch) => watch.subscribe(forget));
  }

  /** Whether the peer must prove itself by a chain. */
  get verifiesChain(): boolean {
    return (this.settings.validation?.trustedCa ?? null) !== null;
  }

  /** What handshakes use now; throws a MeshError `certificate` while secrets are missing or broken. */
  current(): TlsMaterial {
    this.#material ??= this.#build();
    return this.#material;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #build(): TlsMaterial {
    const pairs = this.#pairs.map((watch, index) => watch.current() ?? this.#missing(index));
    const bundle = this.#bundle?.current();
    if (bundle === null)
      throw new MeshError('certificate', 'the authorities to judge the peer by are not there yet', {
        facts: { reason: 'no_bundle' },
      });
    const options = toOptions(this.settings, pairs, bundle);
    try {
      return { secure: createSecureContext(options), options, localUriSan: firstUriSan(pairs[0]) };
    } catch (error) {
      throw new MeshError('certificate', 'the certificate, its key or the authorities cannot be used', {
        cause: error,
        facts: { reason: 'bad_material' },
      });
    }
  }

  #missing(index: number): never {
    const reference = this.settings.certificates[index];
    const name = reference === undefined ? '' : reference.kind === 'sds' ? reference.name : reference.kind;
    throw new MeshError('certificate', `our own certificate (${name}) is not there yet`, {
      facts: { reason: 'no_own_certificate' },
    });
  }
}

function toOptions(settings: TlsSettings, pairs: readonly KeyPair[], bundle: string | undefined): SecureContextOptions {
  return {
    cert: pairs.map((pair) => pair.certificate),
    key: pairs.map((pair) => pair.key.reveal()),
    // What the bundle names is trusted as it is, also an intermediate.
    ...(bundle === undefined ? {} : { ca: bundle, allowPartialTrustChain: true }),
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    ciphers: toCipherList(settings.cipherSuites),
    honorCipherOrder: true,
    ecdhCurve: 'X25519:P-256:P-384',
  };
}

function firstUriSan(pair: KeyPair | undefined): string {
  if (pair === undefined) return '';
  return uriSans(new X509Certificate(pair.certificate).raw)[0] ?? '';
}
