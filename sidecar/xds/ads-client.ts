/**
 * The shell around the xDS session: an incremental ADS stream that is opened again with full-jitter back-off whenever it ends.
 * In: responses from the wire. Out: `Watch<XdsView>`, what the data path should know. It holds no rules: those are in
 * `session.ts` and `warming.ts`.
 */
import type { Metadata, ClientDuplexStream } from '@grpc/grpc-js';
import { fullJitterMs } from '#shared/runtime/backoff.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse, XdsNode } from '#shared/xds/discovery.ts';
import { packMessage } from '#shared/xds/packed.ts';
import type { AdsClient } from '#shared/xds/services.ts';
import { healthInformationTypeUrl, typeUrls } from '#shared/xds/type-urls.ts';
import { emptySnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import type { CachedResource } from './config-cache.ts';
import { sidecarTypeOf } from './resource-types.ts';
import {
  initialXdsState,
  initialXdsStateWithNames,
  stepXds,
  type XdsEffect,
  type XdsEvent,
  type XdsState,
} from './session.ts';
import { warmSnapshot } from './warming.ts';

/** What the data path, readiness and the admin port see of the session. */
export type XdsView = Readonly<{ state: XdsState; snapshot: Snapshot; waiting: readonly string[]; lastError: string }>;

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

export type AdsClientOptions = Readonly<{
  node: XdsNode;
  /** Whether names for a DNS proxy are asked for; no when absent. */
  asksForNames?: boolean;
  /** Opens a channel with what identifies the proxy now; called for each stream, its client is closed with the stream. */
  open: () => Promise<Readonly<{ client: AdsClient; metadata: Metadata }>>;
  clock: Clock;
  random: Random;
  log: (level: 'info' | 'warn', message: string, facts: Record<string, unknown>) => void;
  /** The configuration changed and was accepted: time to keep it. */
  onAccepted: (state: XdsState) => void;
}>;

const backOff = { baseMs: 200, maxMs: 10_000 };

export class XdsClient {
  readonly #options: AdsClientOptions;
  readonly #view = new WatchSource<XdsView>({
    state: initialXdsState,
    snapshot: emptySnapshot,
    waiting: [],
    lastError: '',
  });
  #state: XdsState = initialXdsState;
  #stream: Stream | null = null;
  #client: AdsClient | null = null;
  #failures = 0;
  #isNodeSent = false;
  #isClosed = false;
  #cancelRetry: (() => void) | null = null;
  #health: Readonly<{ isHealthy: boolean; message: string }> | null = null;

  constructor(options: AdsClientOptions) {
    this.#options = options;
    if (options.asksForNames === true) this.#state = initialXdsStateWithNames;
  }

  get view(): Watch<XdsView> {
    return this.#view;
  }

  /** Starts from what the disk cache held. Before `start`. */
  restore(resources: readonly CachedResource[]): void {
    this.#step({ kind: 'restored', resources });
  }

  start(): void {
    void this.#connect();
  }

  /** Tells the health of the application, as Istio's agent does; told anew on each stream. */
  setHealth(isHealthy: boolean, message: string): void {
    this.#health = { isHealthy, message };
    this.#sendHealth();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#stream?.cancel();
    this.#client?.close();
  }

  async #connect(): Promise<void> {
    try {
      const { client, metadata } = await this.#options.open();
      if (this.#isClosed) return client.close();
      const stream = client.DeltaAggregatedResources(metadata);
      this.#client = client;
      this.#stream = stream;
      this.#isNodeSent = false;
      stream.on('data', (response: DeltaDiscoveryResponse) => this.#receive(stream, response));
      stream.on('error', (error) => this.#lose(stream, describeError(error)));
      stream.on('end', () => this.#lose(stream, 'the control plane ended the stream'));
      this.#step({ kind: 'connected' });
      this.#sendHealth();
    } catch (error) {
      this.#retry(describeError(error));
    }
  }

  #lose(stream: Stream, reason: string): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#client?.close();
    this.#client = null;
    this.#step({ kind: 'disconnected' });
    this.#retry(reason);
  }

  #retry(reason: string): void {
    if (this.#isClosed) return;
    this.#failures++;
    const delayMs = 50 + fullJitterMs(this.#failures, backOff.baseMs, backOff.maxMs, this.#options.random);
    this.#options.log('warn', 'no stream to the control plane', {
      reason,
      failures: this.#failures,
      retryInMs: delayMs,
    });
    this.#publish(reason);
    this.#cancelRetry = this.#options.clock.after(delayMs, () => void this.#connect());
  }

  #receive(stream: Stream, response: DeltaDiscoveryResponse): void {
    if (this.#stream !== stream) return;
    this.#failures = 0;
    const type = sidecarTypeOf(response.typeUrl);
    if (type === null) {
      this.#options.log('warn', 'a response of a type that was not asked for', { typeUrl: response.typeUrl });
      return;
    }
    const resources = response.resources.map(({ name, version, resource: { typeUrl, value } }) => {
      // One text for all: each resource came with its own copy.
      const shared = typeUrl === response.typeUrl ? response.typeUrl : typeUrl;
      return { name, version, message: packMessage(shared, value) };
    });
    this.#step({ kind: 'response', type, nonce: response.nonce, resources, removed: response.removedResources });
  }

  #step(event: XdsEvent): void {
    const [next, effects] = stepXds(this.#state, event);
    this.#state = next;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: XdsEffect): void {
    switch (effect.kind) {
      case 'request':
        return this.#send({
          typeUrl: typeUrls[effect.type],
          resourceNamesSubscribe: effect.subscribe,
          resourceNamesUnsubscribe: effect.unsubscribe,
          initialResourceVersions: effect.initialVersions,
          responseNonce: effect.nonce,
          ...(effect.error === null ? {} : { errorDetail: { code: 13, message: effect.error } }),
        });
      case 'refused':
        return this.#options.log('warn', 'a resource was refused', {
          type: effect.type,
          name: effect.name,
          problems: formatProblems(effect.problems),
        });
      case 'publish':
        this.#publish('');
        return this.#options.onAccepted(this.#state);
    }
  }

  #send(request: DeltaDiscoveryRequest): void {
    if (this.#stream === null) return;
    const node = this.#isNodeSent ? {} : { node: this.#options.node };
    this.#isNodeSent = true;
    this.#stream.write({ ...request, ...node });
  }

  #sendHealth(): void {
    if (this.#health === null) return;
    const { isHealthy, message } = this.#health;
    this.#send({
      typeUrl: healthInformationTypeUrl,
      resourceNamesSubscribe: [],
      resourceNamesUnsubscribe: [],
      initialResourceVersions: {},
      responseNonce: '',
      ...(isHealthy ? {} : { errorDetail: { code: 500, message } }),
    });
  }

  #publish(lastError: string): void {
    const { snapshot, waiting } = warmSnapshot(this.#state, this.#view.current().snapshot);
    this.#view.set({ state: this.#state, snapshot, waiting, lastError });
  }
}
