import { X509Certificate } from 'node:crypto';
import { status, type Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, isMeshError, MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import type { ErrorDetail, XdsNode } from '#shared/xds/discovery.ts';
import { healthInformationTypeUrl } from '#shared/xds/type-urls.ts';
import type { Authenticate, Caller, OpenSnapshots, SnapshotProvider } from './provider.ts';
import type { ConnectedProxy, Proxies, ProxyRecord } from './proxies.ts';
import { newSession, type SessionEvent, type SessionEffect, type SessionState, type Step } from './session-state.ts';

/** What a sidecar says of its application. */
export type ReportedHealth = Readonly<{ healthy: boolean; message: string }>;

/** What the server writes to its log. */
export type AdsLogger = Readonly<{
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
}>;

/** What every stream of a server has in common. */
export type StreamContext = Readonly<{
  provider: SnapshotProvider;
  authenticate: Authenticate;
  proxies: Proxies;
  clock: Clock;
  logger: AdsLogger;
  onHealth: (proxy: ConnectedProxy, health: ReportedHealth) => void;
  /** After this long without an answer, newer content is sent all the same. */
  overdueAfterMs: number;
}>;

type AnyRequest = Readonly<{ node?: XdsNode | undefined; typeUrl: string; errorDetail?: ErrorDetail | undefined }>;

/** The pure session of one of the two forms of the protocol. */
export type SessionStep<Request, Response> = (state: SessionState, event: SessionEvent<Request>) => Step<Response>;

/** One proxy's stream: feeds the session with what happens, and does what it says. Owns the session's current state. */
export class AdsStream<Request extends AnyRequest, Response> {
  readonly #call: ServerDuplexStream<Request, Response>;
  readonly #context: StreamContext;
  readonly #step: SessionStep<Request, Response>;
  readonly #isDelta: boolean;
  readonly #timers = new Map<string, () => void>();
  #record: ProxyRecord | undefined;
  #opened: OpenSnapshots | undefined;
  #unsubscribe: (() => void) | undefined;
  #isClosed = false;

  constructor(
    call: ServerDuplexStream<Request, Response>,
    protocol: { step: SessionStep<Request, Response>; isDelta: boolean },
    context: StreamContext,
  ) {
    this.#call = call;
    this.#step = protocol.step;
    this.#isDelta = protocol.isDelta;
    this.#context = context;
  }

  /** Starts to listen; `onClose` is called once, when the stream is over. */
  start(onClose: () => void): void {
    const close = (): void => {
      if (this.#isClosed) return;
      this.#release();
      onClose();
    };
    this.#call.once('data', (first: Request) => {
      // Nothing more is read before it is known who asks.
      this.#call.pause();
      void this.#open(first).catch((error: unknown) => this.#fail(error));
    });
    this.#call.on('cancelled', close);
    this.#call.on('close', close);
    this.#call.on('error', close);
    this.#call.on('end', () => {
      close();
      this.#call.end();
    });
  }

  /** Ends the stream; the client is to connect to another replica. */
  end(reason: string): void {
    if (!this.#isClosed) this.#call.emit('error', { code: status.UNAVAILABLE, details: reason });
  }

  async #open(first: Request): Promise<void> {
    const { authenticate, provider, proxies, clock, logger } = this.#context;
    const identity = await authenticate(callerOf(this.#call));
    if (this.#isClosed) return;
    const { node } = first;
    if (node === undefined) throw new MeshError('protocol', 'the first request of a stream must carry its node');
    const opened = provider.open(node, identity);
    if (!opened.ok) throw new MeshError('protocol', `the node is refused: ${formatProblems(opened.problems)}`);
    this.#opened = opened.value;
    const { snapshots } = opened.value;
    const proxy = {
      id: node.id,
      node,
      identity,
      address: this.#call.getPeer(),
      connectedSinceMs: clock.now(),
      isDelta: this.#isDelta,
    };
    const record = proxies.connect(proxy, newSession(snapshots.current()));
    this.#record = record;
    logger.info({ proxy: node.id, address: proxy.address, delta: this.#isDelta }, 'proxy connected');
    this.#unsubscribe = snapshots.subscribe((snapshot) => this.#dispatch(record, { kind: 'snapshot', snapshot }));
    this.#receive(record, first);
    this.#call.on('data', (request: Request) => this.#receive(record, request));
    this.#call.resume();
  }

  #receive(record: ProxyRecord, request: Request): void {
    if (request.typeUrl === healthInformationTypeUrl) {
      const { errorDetail } = request;
      const health = { healthy: errorDetail === undefined, message: errorDetail?.message ?? '' };
      this.#context.onHealth(record.proxy, health);
    } else this.#dispatch(record, { kind: 'request', request });
  }

  #dispatch(record: ProxyRecord, event: SessionEvent<Request>): void {
    if (this.#isClosed) return;
    const [state, effects] = this.#step(record.session, event);
    record.update(state);
    for (const effect of effects) this.#do(record, effect);
  }

  #do(record: ProxyRecord, effect: SessionEffect<Response>): void {
    const { logger, clock, overdueAfterMs } = this.#context;
    const proxy = record.proxy.id;
    switch (effect.kind) {
      case 'send': {
        const { typeUrl, nonce } = effect;
        const overdue = (): void => this.#dispatch(record, { kind: 'overdue', typeUrl, nonce });
        this.#timers.set(nonce, clock.after(overdueAfterMs, overdue));
        this.#call.write(effect.response);
        return;
      }
      case 'accepted':
        this.#stopTimer(effect.nonce);
        return;
      case 'refused': {
        this.#stopTimer(effect.nonce);
        record.refuse(effect, clock.now());
        const { typeUrl, generation, names, error } = effect;
        logger.warn({ proxy, typeUrl, generation, resources: names, reason: error.message }, 'config refused by proxy');
        return;
      }
      case 'applied':
        logger.info({ proxy, generation: effect.generation }, 'config applied by proxy');
    }
  }

  #stopTimer(nonce: string): void {
    this.#timers.get(nonce)?.();
    this.#timers.delete(nonce);
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#context.logger.warn({ address: this.#call.getPeer(), reason: describeError(error) }, 'stream refused');
    const details = isMeshError(error) ? describeError(error) : 'internal error';
    this.#call.emit('error', { code: statusOf(error), details });
  }

  #release(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
    this.#opened?.close();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    if (this.#record === undefined) return;
    this.#context.proxies.disconnect(this.#record);
    this.#context.logger.info({ proxy: this.#record.proxy.id }, 'proxy disconnected');
  }
}

function statusOf(error: unknown): status {
  if (isMeshError(error, 'authentication', 'peer_identity')) return status.UNAUTHENTICATED;
  if (isMeshError(error, 'permission')) return status.PERMISSION_DENIED;
  if (isMeshError(error, 'protocol', 'unsupported')) return status.INVALID_ARGUMENT;
  return isMeshError(error) ? status.UNAVAILABLE : status.INTERNAL;
}

function callerOf(call: { metadata: Metadata; getAuthContext(): unknown }): Caller {
  const context = call.getAuthContext() as {
    transportSecurityType?: string;
    sslPeerCertificate?: { raw?: Buffer };
  } | null;
  const raw = context?.sslPeerCertificate?.raw;
  return {
    metadata: call.metadata,
    peerCertificate: raw === undefined ? undefined : new X509Certificate(raw),
    isEncrypted: context?.transportSecurityType === 'ssl',
  };
}
