/** The entry of a worker thread: a data path that the main thread speaks to (`workers/worker-pool.ts`). */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '#shared/runtime/clock.ts';
import { reportOf } from './data-path-report.ts';
import { useTransport } from './transport/connection-of.ts';
import { probeDirect } from './transport/direct-probe.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './workers/messages.ts';
import { WorkerPath } from './workers/worker-path.ts';

// As in main.ts: of each thread.
Buffer.poolSize = 8 * 1024;

const port = parentPort;
if (port === null) throw new Error('sidecar/worker.ts runs as a worker thread of the sidecar only');
const post = (message: FromWorker) => port.postMessage(message);
// Given by the pool that started this thread.
const setup = workerData as WorkerSetup;

const reason = setup.transport === 'direct' ? await probeDirect() : null;
useTransport(setup.transport === 'direct' && reason === null ? 'direct' : 'streams');
const worker = new WorkerPath({ setup, post, clock: systemClock, random: Math.random });
process.once('uncaughtExceptionMonitor', () => post({ kind: 'lastReport', report: reportOf(worker.path) }));
post({ kind: 'ready', cells: worker.path.series.slab.cells, reason });
port.on('message', (message: ToWorker) => worker.take(message));
