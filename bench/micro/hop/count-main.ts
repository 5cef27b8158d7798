/**
 * What a request makes the processor do above the sockets: instructions, and where a first-level cache of 32 KB has not what is needed,
 * simulated by valgrind's cachegrind. No other work on the machine changes it, but what V8 compiles differs from start to start: by
 * some 3 percent, so repeat it. Two runs, of which the longer one has more requests; the difference is what counts. Two minutes.
 *
 *   node --import ./preload.mjs bench/micro/hop/count-main.ts [http1|mux|h2] [out|in] [8x16|32x1] [--FLAG OF NODE...]
 */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sidecarCommand } from '../../../test/support/sidecar-command.ts';
import { parseCounts, type Counts } from './counts.ts';
import { parsePlay } from './crowd.ts';

/** What happens now and then is left out: compilation besides, full collections. */
const steady = '--no-concurrent-recompilation --no-memory-reducer --heap-growing-percent=0 --initial-heap-size=600';
/** A core of an AMD EPYC of 2023: 32 KB for code and for data, and 1 MB behind them. */
const cachegrind =
  '--tool=cachegrind --cache-sim=yes --I1=32768,8,64 --D1=32768,8,64 --LL=1048576,8,64 ' +
  '--smc-check=all-non-file --cachegrind-out-file=/dev/null';
/** Enough for all that is hot to be compiled. */
const warmUpRequests = 57_000;
const countedRequests = 24_000;

const repository = join(import.meta.dirname, '../../..');
const args = process.argv.slice(2);
const { wire, hop, shape } = parsePlay(args.filter((arg) => !arg.startsWith('--')));
if (spawnSync('valgrind', ['--version']).status !== 0) throw new Error('valgrind is needed (package valgrind)');

const [few, many] = await Promise.all([count(warmUpRequests), count(warmUpRequests + countedRequests)]);
const each = (what: keyof Counts) => Math.round((many[what] - few[what]) / countedRequests);
console.log(
  `${wire} ${hop}, a request: ${each('instructions')} instructions, ${each('dataAccesses')} accesses to data; ` +
    `not in the first cache ${each('codeMisses')} of code, ${each('dataMisses')} of data; ` +
    `not in the second ${each('farCodeMisses')} and ${each('farDataMisses')}`,
);

async function count(requests: number): Promise<Counts> {
  const further = args.filter((arg) => arg.startsWith('--'));
  const flags = ['--import', './preload.mjs', ...sidecarCommand().nodeFlags, ...steady.split(' '), ...further];
  const main = [join(import.meta.dirname, 'counted-main.ts'), `${requests}`, wire, hop, shape];
  const options = { cwd: repository, maxBuffer: 1 << 24 };
  const { stderr } = await promisify(execFile)(
    'valgrind',
    [...cachegrind.split(' '), process.execPath, ...flags, ...main],
    options,
  );
  return parseCounts(stderr);
}
