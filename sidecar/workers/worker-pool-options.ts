import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { PathLog } from '../neighbours.ts';
import type { WorkerSetup } from './messages.ts';
import type { WorkerSockets } from './worker-sockets.ts';
import type { WorkerHandler, WorkerThread } from './worker-thread.ts';

/** What a pool of workers is made with. */
export type WorkerPoolOptions = Readonly<{
  clock: Clock;
  random: Random;
  logger: PathLog;
  concurrency: number;
  /** As many start at once, the others when the proxy has been listening for a moment: until it is up their start would only delay it. */
  atOnce: number;
  setup: Omit<WorkerSetup, 'index'>;
  certificates: Watch<WorkloadCertificate | null>;
  sockets: WorkerSockets;
  start: (setup: WorkerSetup, handler: WorkerHandler) => WorkerThread;
}>;
