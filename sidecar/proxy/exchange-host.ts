import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { RequestHead } from '../http1/message.ts';
import type { ServerStream } from '../net/http-stream.ts';
import type { TimerWheel } from '../net/timer-wheel.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { TlsFacts } from '../transport/transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { CallMessages, LiveCalls } from './grpc-messages.ts';
import type { Plan } from './plan.ts';

/** A request as the connection hands it up. `end`: it has no body. */
export type ReceivedRequest = Readonly<{ stream: ServerStream; head: RequestHead; end: boolean }>;

/** What a finished exchange is counted by. */
export type Observation = Readonly<{
  record: AccessRecord;
  direction: 'inbound' | 'outbound' | 'unspecified';
  isGrpc: boolean;
  /** Of the downstream connection. */
  tls: TlsFacts | null;
  cluster: Cluster | null;
  host: Host | null;
}>;

/** Bytes of a TCP connection: from the downstream connection, and to it. */
export type MovedBytes = Readonly<{ received: number; sent: number }>;

/** What exchanges share: handed in by the composition root. */
export type ExchangeHost = Readonly<{
  currentPlan: () => Plan;
  clock: Clock;
  random: Random;
  /** Of timeouts that need not be exact. */
  wheel: TimerWheel;
  /** Our own address, told to mirrors. */
  ownAddress: string;
  /** Counts a finished exchange, and what is not counted yet of a gRPC call's messages. */
  observe: (observation: Observation, messages: CallMessages | null) => void;
  /** gRPC calls under way. */
  calls: LiveCalls;
}>;
