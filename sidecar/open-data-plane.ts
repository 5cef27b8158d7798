/** Makes the data plane: on this thread, or on worker threads. Only what it needs is loaded. */
import { systemClock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { singleDataPlane, type DataPlane } from './data-plane.ts';
import type { ListeningSockets } from './net/listening-sockets.ts';
import { useTransport, type TransportKind } from './transport/connection-of.ts';
import type { WorkerSetup } from './workers/messages.ts';
import { chooseConcurrency, cpuLimitOf, readCpuFacts } from './workers/concurrency.ts';

export type DataPlaneSetup = Readonly<{
  /** Threads: null for as many as fit (`chooseConcurrency`). */
  concurrency: number | null;
  transport: TransportKind;
  logger: Logger;
  certificates: Watch<WorkloadCertificate | null>;
  own: WorkerSetup['own'];
  compat: 'tulle' | 'istio';
  ownAddress: string;
  /** The account of listening sockets of this process. */
  sockets: ListeningSockets;
}>;

/** Starts it, without configuration. */
export async function openDataPlane(setup: DataPlaneSetup): Promise<DataPlane> {
  const concurrency = chooseConcurrency(setup.concurrency, cpuLimitOf(await readCpuFacts()));
  return concurrency === 1 ? openHere(setup) : openWorkers(setup, concurrency);
}

async function openHere(setup: DataPlaneSetup): Promise<DataPlane> {
  const { transport, logger, certificates, own, compat, ownAddress, sockets } = setup;
  const { probeDirect } = await import('./transport/direct-probe.ts');
  const reason = transport === 'direct' ? await probeDirect() : 'it was asked for';
  useTransport(reason === null ? 'direct' : 'streams');
  if (reason !== null) logger.info({ reason }, "connections run on Node's documented streams");
  const { DataPath } = await import('./data-path.ts');
  const { noNeighbours } = await import('./neighbours.ts');
  const principal = () => certificates.current()?.spiffeId ?? '';
  const path = new DataPath({
    clock: systemClock,
    random: Math.random,
    logger,
    certificates,
    own: { ...own, principal },
    compat,
    ownAddress,
    neighbours: noNeighbours(sockets),
  });
  return singleDataPlane(path);
}

async function openWorkers(setup: DataPlaneSetup, concurrency: number): Promise<DataPlane> {
  const { transport, logger, certificates, own, compat, ownAddress, sockets } = setup;
  const { SocketCalls } = await import('./net/listening-socket.ts');
  const { WorkerPool } = await import('./workers/worker-pool.ts');
  const { WorkerSockets } = await import('./workers/worker-sockets.ts');
  const { WorkerThread } = await import('./workers/worker-thread.ts');
  const { workerEntry } = await import('./workers/worker-entry.ts');
  const calls = await SocketCalls.load().catch((error: unknown) => {
    logger.warn({ reason: describeError(error) }, 'sockets cannot be opened in libc');
    return null;
  });
  if (calls === null) logger.warn('workers open sockets of their own: what waits for one that dies is reset');
  return new WorkerPool({
    clock: systemClock,
    random: Math.random,
    logger,
    concurrency,
    // What a predecessor's workers left waits in as many queues.
    atOnce: setup.concurrency === null && !sockets.hasInherited ? 1 : concurrency,
    setup: { transport, own, compat, ownAddress },
    certificates,
    sockets: new WorkerSockets({
      calls,
      account: sockets,
      workers: concurrency,
      onProblem: (listener, problem) => logger.error({ listener, reason: problem }, 'a listener cannot be bound'),
    }),
    start: (workerSetup, handler) => new WorkerThread(workerEntry(), workerSetup, handler),
  });
}
