import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import type { PeerIdentity } from './provider.ts';
import type { RefusedResponse, SessionState } from './session-state.ts';

/** A proxy and its stream, as they were when it connected. */
export type ConnectedProxy = Readonly<{
  /** The node's id. A proxy that reconnects before its old stream is seen to end is there twice for a while. */
  id: string;
  node: XdsNode;
  identity: PeerIdentity | null;
  address: string;
  connectedSinceMs: number;
  isDelta: boolean;
}>;

/** The last refusal of a proxy that it has not made good since. */
export type LastRefusal = Readonly<{
  typeUrl: string;
  message: string;
  generation: number;
  names: readonly string[];
  atMs: number;
}>;

/** What one proxy has of a type. */
export type TypeStatus = Readonly<{
  typeUrl: string;
  resources: number;
  acceptedVersion: string | undefined;
  acceptedGeneration: number | undefined;
  isWaiting: boolean;
  refused: readonly string[];
}>;

/** What one proxy has of its config. */
export type ProxyStatus = Readonly<{
  /** The generation that is meant for it. */
  generation: number;
  /** The newest generation of which it accepted everything. */
  appliedGeneration: number | undefined;
  types: readonly TypeStatus[];
  lastRefusal: LastRefusal | undefined;
}>;

/** One connected proxy. Its stream owns it and keeps it up to date. */
export class ProxyRecord {
  readonly proxy: ConnectedProxy;
  readonly #changed: () => void;
  #session: SessionState;
  #lastRefusal: LastRefusal | undefined;

  constructor(proxy: ConnectedProxy, session: SessionState, changed: () => void) {
    this.proxy = proxy;
    this.#session = session;
    this.#changed = changed;
  }

  /** The state of its stream. */
  get session(): SessionState {
    return this.#session;
  }

  /** Takes the state after a step. */
  update(session: SessionState): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#changed();
  }

  /** Notes that the proxy refused a response. */
  refuse({ typeUrl, error, generation, names }: RefusedResponse, atMs: number): void {
    this.#lastRefusal = { typeUrl, message: error.message, generation, names, atMs };
    this.#changed();
  }

  /** What the proxy has now. */
  status(): ProxyStatus {
    const { snapshot, appliedGeneration, types } = this.#session;
    const stillRefuses = [...types.values()].some((type) => type.refused.size > 0);
    return {
      generation: snapshot.generation,
      appliedGeneration,
      lastRefusal: stillRefuses ? this.#lastRefusal : undefined,
      types: [...types].map(([typeUrl, type]) => ({
        typeUrl,
        resources: type.accepted.size,
        acceptedVersion: type.lastAccepted?.version,
        acceptedGeneration: type.lastAccepted?.generation,
        isWaiting: type.inFlight.length > 0,
        refused: [...type.refused.keys()],
      })),
    };
  }
}

/** The proxies that are connected to this server. */
export class Proxies {
  readonly #records = new Set<ProxyRecord>();
  readonly #revision = new WatchSource(0);

  /** Counts up with every change of any proxy. */
  get revision(): Watch<number> {
    return this.#revision;
  }

  /** Adds a proxy; its stream removes it with {@link disconnect}. */
  connect(proxy: ConnectedProxy, session: SessionState): ProxyRecord {
    const record = new ProxyRecord(proxy, session, () => this.#touch());
    this.#records.add(record);
    this.#touch();
    return record;
  }

  /** Removes a proxy whose stream has ended. */
  disconnect(record: ProxyRecord): void {
    if (this.#records.delete(record)) this.#touch();
  }

  /** All that are connected, oldest first. */
  list(): readonly ProxyRecord[] {
    return [...this.#records];
  }

  /** The newest stream of the proxy with this node id. */
  find(id: string): ProxyRecord | undefined {
    return this.list().findLast((record) => record.proxy.id === id);
  }

  #touch(): void {
    this.#revision.set(this.#revision.current() + 1);
  }
}
