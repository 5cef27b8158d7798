import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Watch } from '#shared/runtime/watch.ts';
import type { ServerCredential } from './server-certificate.ts';

/**
 * Credentials for a grpc-js server that follow a Watch: each new certificate is put into the running server, new
 * handshakes use it, open connections live on; while there is none, connections are dropped. A client certificate is
 * asked for and, if one is sent and trusted, found in `call.getAuthContext()`; connections without one are taken, since
 * callers may come with a token.
 */
export function followServerCredential(watch: Watch<ServerCredential | null>): ServerCredentials {
  const provider = new WatchProvider(watch);
  // The declaration names the first parameter the CA's provider, but it is the identity's (grpc-js 1.14.7 passes both on
  // by position). One provider for both makes the order meaningless.
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

type AuthorityListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

class WatchProvider implements experimental.CertificateProvider {
  readonly #watch: Watch<ServerCredential | null>;
  readonly #unsubscribe = new Map<AuthorityListener | IdentityListener, () => void>();

  constructor(watch: Watch<ServerCredential | null>) {
    this.#watch = watch;
  }

  addCaCertificateListener(listener: AuthorityListener): void {
    this.#follow(listener, (value) => listener(value && { caCertificate: Buffer.from(value.rootsPem) }));
  }

  removeCaCertificateListener(listener: AuthorityListener): void {
    this.#forget(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#follow(listener, (value) =>
      listener(value && { certificate: Buffer.from(value.chainPem), privateKey: Buffer.from(value.key.reveal()) }),
    );
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#forget(listener);
  }

  #follow(listener: AuthorityListener | IdentityListener, tell: (value: ServerCredential | null) => void): void {
    this.#unsubscribe.set(listener, this.#watch.subscribe(tell));
    // Later, for grpc-js adds its listener here before it adds the server that the listener is to tell.
    queueMicrotask(() => {
      if (this.#unsubscribe.has(listener)) tell(this.#watch.current());
    });
  }

  #forget(listener: AuthorityListener | IdentityListener): void {
    this.#unsubscribe.get(listener)?.();
    this.#unsubscribe.delete(listener);
  }
}
