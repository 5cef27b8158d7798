/** A thread that sleeps until requests are due, and says so: timers of the event loop know milliseconds only. */
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '#shared/runtime/random.ts';
import { poissonGaps } from './arrivals.ts';

const { perSecond, startUs, endUs } = workerData as Readonly<{ perSecond: number; startUs: number; endUs: number }>;
const nextGap = poissonGaps(perSecond, seededRandom(42));
const cell = new Int32Array(new SharedArrayBuffer(4));

for (let dueUs = startUs + nextGap(); dueUs < endUs; dueUs += nextGap()) {
  const restUs = dueUs - Number(process.hrtime.bigint()) / 1000;
  if (restUs > 0) Atomics.wait(cell, 0, 0, restUs / 1000);
  parentPort?.postMessage(dueUs);
}
parentPort?.postMessage(null);
