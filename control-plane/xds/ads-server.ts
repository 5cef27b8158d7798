/**
 * The ADS server: both forms of the protocol, on plaintext and TLS addresses at once.
 *
 *   proxy --requests--> AdsStream --> session (pure) --> responses --> proxy
 *                          ^                 |
 *   SnapshotProvider: Watch<ProxySnapshot>   +--> Proxies: who has what (read by distribution.ts)
 *
 * In: snapshots, one watch a proxy, made by whoever is handed in as the provider. Out: responses, health reports, the state of
 * each proxy. Streams own their sessions; the server owns the streams and ends them. What follows from a message is decided in
 * `session.ts`, `delta-session.ts` and `push.ts`; nothing here looks into a resource.
 */
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { adsService, maxRequestBytes, type AdsHandlers } from '#shared/xds/services.ts';
import { AdsStream, type SessionStep, type StreamContext } from './ads-stream.ts';
import { stepDeltaSession } from './delta-session.ts';
import { stepSession } from './session.ts';

/** Where to listen, as `host:port`; port 0 takes a free one. */
export type AdsListen = Readonly<{
  plaintext?: readonly string[] | undefined;
  tls?: readonly Readonly<{ hostport: string; credentials: ServerCredentials }>[] | undefined;
}>;

/** Another service on the same addresses. */
export type ExtraService = Readonly<{ definition: ServiceDefinition; implementation: UntypedServiceImplementation }>;

/** What the server is made of. */
export type AdsServerOptions = Omit<StreamContext, 'overdueAfterMs' | 'onHealth'> &
  Partial<Pick<StreamContext, 'overdueAfterMs' | 'onHealth'>> &
  Readonly<{ listen: AdsListen; extraServices?: readonly ExtraService[] | undefined }>;

/** A server that is listening. */
export type AdsServer = Readonly<{
  /** The bound addresses, in the order of `listen`. */
  addresses: Readonly<{ plaintext: readonly string[]; tls: readonly string[] }>;
  /** Takes no more streams and tells the clients to go elsewhere; done when the last call is over, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Ends everything at once. */
  close(): void;
}>;

/** A proxy that neither accepts nor refuses for this long is not waited for. */
const defaultOverdueAfterMs = 20_000;

const serverOptions = {
  'grpc.max_receive_message_length': maxRequestBytes,
  'grpc.max_concurrent_streams': 100_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/** Starts to serve. An address that cannot be bound is an `io` error, and nothing is left behind. */
export async function startAdsServer(options: AdsServerOptions): Promise<AdsServer> {
  const server = new Server(serverOptions);
  const streams = new Set<{ end(reason: string): void }>();
  server.addService(adsService, { ...handlers(options, streams) });
  for (const { definition, implementation } of options.extraServices ?? [])
    server.addService(definition, implementation);
  const { plaintext = [], tls = [] } = options.listen;
  try {
    const addresses = {
      plaintext: await bindAll(
        server,
        plaintext.map((hostport) => ({ hostport, credentials: ServerCredentials.createInsecure() })),
      ),
      tls: await bindAll(server, tls),
    };
    return {
      addresses,
      drain: (timeoutMs) => drain(server, streams, { timeoutMs, clock: options.clock }),
      close: () => server.forceShutdown(),
    };
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
}

function handlers(options: AdsServerOptions, streams: Set<{ end(reason: string): void }>): AdsHandlers {
  const context: StreamContext = { overdueAfterMs: defaultOverdueAfterMs, onHealth: () => {}, ...options };
  const serve =
    <Request extends { typeUrl: string }, Response>(step: SessionStep<Request, Response>, isDelta: boolean) =>
    (call: ServerDuplexStream<Request, Response>): void => {
      const stream = new AdsStream(call, { step, isDelta }, context);
      streams.add(stream);
      stream.start(() => streams.delete(stream));
    };
  return {
    StreamAggregatedResources: serve(stepSession, false),
    DeltaAggregatedResources: serve(stepDeltaSession, true),
  };
}

async function bindAll(
  server: Server,
  listen: readonly Readonly<{ hostport: string; credentials: ServerCredentials }>[],
): Promise<readonly string[]> {
  const addresses: string[] = [];
  for (const { hostport, credentials } of listen) addresses.push(await bind(server, hostport, credentials));
  return addresses;
}

function bind(server: Server, hostport: string, credentials: ServerCredentials): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.bindAsync(hostport, credentials, (cause, port) => {
    if (cause !== null) reject(new MeshError('io', `cannot listen on ${hostport}`, { cause }));
    else resolve(hostport.startsWith('unix:') ? hostport : hostport.replace(/:\d+$/, `:${port}`));
  });
  return promise;
}

function drain(
  server: Server,
  streams: ReadonlySet<{ end(reason: string): void }>,
  { timeoutMs, clock }: { timeoutMs: number; clock: Clock },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(timeoutMs, () => {
    server.forceShutdown();
    resolve();
  });
  server.tryShutdown(() => {
    cancel();
    resolve();
  });
  for (const stream of streams) stream.end('the server is draining');
  return promise;
}
