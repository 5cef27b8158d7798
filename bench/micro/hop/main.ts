/**
 * What a request costs a sidecar above its sockets: CPU of one core in nanoseconds, median of the rounds, and octets that are
 * allocated, by function. No kernel, no TLS, no libuv: less noise than a run of the whole, and less truth; what the played peers cost is
 * in it, a few hundred nanoseconds. `count-main.ts` tells instructions, which no other work on the machine changes.
 *
 *   node --import ./preload.mjs --single-threaded-gc --no-maglev --max-inlined-bytecode-size-cumulative=2500 \
 *     --max-semi-space-size=4 --heap-growing-percent=30 bench/micro/hop/main.ts [http1|mux|h2] [out|in] [8x16|32x1] [ROUNDS]
 */
import { allocationsOf } from './allocations.ts';
import { Crowd, parsePlay } from './crowd.ts';

const requests = 100_000;
const warmUps = 3;
const shownFunctions = 40;

const play = parsePlay(process.argv.slice(2));
const rounds = Number(process.argv[5] ?? 9);
const crowd = await Crowd.start(play);

for (let round = 0; round < warmUps; round++) await crowd.ask(requests);
const times: number[] = [];
for (let round = 0; round < rounds; round++) {
  const before = process.cpuUsage();
  await crowd.ask(requests);
  const { user, system } = process.cpuUsage(before);
  times.push(((user + system) * 1000) / requests);
}
times.sort((a, b) => a - b);
const [least = 0, median = 0, most = 0] = [times[0], times[times.length >> 1], times.at(-1)];
console.log(`${play.wire} ${play.hop}: ${median.toFixed(0)} ns [${least.toFixed(0)}..${most.toFixed(0)}]`);

const allocations = await allocationsOf(() => crowd.ask(requests));
const sum = allocations.reduce((total, [, bytes]) => total + bytes, 0);
console.log(`${(sum / requests).toFixed(0)} octets allocated`);
for (const [place, bytes] of allocations.slice(0, shownFunctions))
  console.log(`${(bytes / requests).toFixed(0).padStart(6)} ${place}`);
process.exit(0);
