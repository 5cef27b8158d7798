import type { RequestHead } from '../http1/message.ts';
import type { HttpManager } from '../snapshot/listener.ts';
import type { TlsFacts } from '../transport/transport.ts';

/** What of the HTTP manager says how client certificates are forwarded. */
export type XfccOptions = Pick<HttpManager, 'forwardClientCert' | 'clientCertDetails'>;

const header = 'x-forwarded-client-cert';

/**
 * Makes the `x-forwarded-client-cert` that the application gets. Whatever the mode (but `always_forward_only`), a header that
 * came over a connection without a verified certificate is forged or meaningless, and is dropped.
 */
export class ForwardedClientCert {
  readonly #mode: XfccOptions['forwardClientCert'];
  readonly #details: XfccOptions['clientCertDetails'];
  /** One text for each connection. */
  readonly #texts = new WeakMap<TlsFacts, string>();

  constructor(options: XfccOptions) {
    this.#mode = options.forwardClientCert;
    this.#details = options.clientCertDetails;
  }

  apply(head: RequestHead, tls: TlsFacts | null): void {
    if (this.#mode === 'always_forward_only') return;
    const isAuthenticated = tls !== null && tls.peerCertificateSha256 !== '';
    if (!isAuthenticated || this.#mode === 'sanitize') {
      head.headers.remove(header);
      return;
    }
    if (this.#mode === 'forward_only') return;
    const own = this.#textOf(tls);
    const before = this.#mode === 'append_forward' ? head.headers.getJoined(header) : undefined;
    head.headers.set(header, before === undefined || before === '' ? own : `${before},${own}`);
  }

  #textOf(tls: TlsFacts): string {
    let text = this.#texts.get(tls);
    if (text === undefined) {
      text = this.#format(tls);
      this.#texts.set(tls, text);
    }
    return text;
  }

  #format(tls: TlsFacts): string {
    const { subject, uri, dns } = this.#details;
    const parts = [
      ...(tls.localUriSan === '' ? [] : [`By=${tls.localUriSan}`]),
      `Hash=${tls.peerCertificateSha256}`,
      ...(subject ? [`Subject="${escapeQuotes(tls.peerSubject)}"`] : []),
      // Without a URI the key is there with nothing behind it, as in Envoy.
      ...(uri ? [`URI=${tls.peerUriSans[0] ?? ''}`, ...tls.peerUriSans.slice(1).map((san) => `URI=${san}`)] : []),
      ...(dns ? tls.peerDnsSans.map((san) => `DNS=${san}`) : []),
    ];
    return parts.join(';');
  }
}

function escapeQuotes(value: string): string {
  return value.replaceAll(/["\\]/g, String.raw`\$&`);
}
