/** Mirrors: copies of a request, sent once and forgotten. Their answers are read and thrown away. */
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { AbortCause, ClientConnection, ResponseSink } from '../net/http-stream.ts';
import type { MirrorPolicy } from '../snapshot/route.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { StreamWaiter } from '../upstream/connection-pool.ts';
import type { ForwardOwner } from './forward.ts';
import { protocolFor } from '../upstream/upstream-protocol.ts';

const mirrorTimeoutMs = 15_000;

/** Sends a copy to each mirror that is drawn and known. */
export function sendMirrors(policies: readonly MirrorPolicy[], owner: ForwardOwner): void {
  for (const policy of policies) {
    const cluster = owner.plan.clusters.get(policy.cluster);
    if (cluster === undefined || !isDrawn(policy, owner.host.random)) continue;
    const head = owner.service.hooks.mirror(owner.request, owner.host.ownAddress, policy.appendShadowSuffix);
    owner.body.whenWhole((chunks) => new MirrorRequest(owner, cluster, head, chunks).start());
  }
}

function isDrawn({ fraction }: MirrorPolicy, random: Random): boolean {
  return fraction.numerator >= fraction.denominator || random() * fraction.denominator < fraction.numerator;
}

class MirrorRequest implements StreamWaiter, ResponseSink {
  readonly #owner: ForwardOwner;
  readonly #cluster: Cluster;
  readonly #head: RequestHead;
  readonly #chunks: readonly Buffer[];
  #cancelTimer: (() => void) | null = null;

  constructor(owner: ForwardOwner, cluster: Cluster, head: RequestHead, chunks: readonly Buffer[]) {
    this.#owner = owner;
    this.#cluster = cluster;
    this.#head = head;
    this.#chunks = chunks;
  }

  start(): void {
    const { localAddress, localPort } = this.#owner.stream.connection;
    const host = this.#cluster.pick({ destination: { address: localAddress, port: localPort } });
    if (host === null) return;
    host.pool(protocolFor(this.#cluster.config.http, this.#head)).newStream(this, this.#cluster.breakers.default);
  }

  onReady(connection: ClientConnection): void {
    const stream = connection.open(this);
    this.#cancelTimer = this.#owner.host.clock.after(mirrorTimeoutMs, () => stream.abort());
    stream.sendHead(this.#head, this.#chunks.length === 0);
    this.#chunks.forEach((chunk, index) => stream.sendData(chunk, index === this.#chunks.length - 1));
  }

  onFailure(): void {
    // A mirror that cannot be reached is nobody's failure.
  }
  onInformational(_head: ResponseHead): void {}
  onHead(_head: ResponseHead, end: boolean): void {
    if (end) this.#cancelTimer?.();
  }
  onData(_bytes: Buffer, end: boolean): void {
    if (end) this.#cancelTimer?.();
  }
  onTrailers(_trailers: HeaderMap): void {
    this.#cancelTimer?.();
  }
  onWritable(): void {}
  onAbort(_cause: AbortCause): void {
    this.#cancelTimer?.();
  }
}
