/**
 * What a request costs a sidecar above its sockets: CPU of one core in nanoseconds, median of the rounds, and octets that are
 * allocated, by function. No kernel, no TLS, no libuv: less noise than a run of the whole, and less truth; what the played peers cost is
 * in it, a few hundred nanoseconds.
 *
 *   node --import ./preload.mjs --single-threaded-gc --no-maglev --max-semi-space-size=4 --heap-growing-percent=30 \
 *     bench/micro/hop/main.ts [http1|mux|h2] [out|in] [8x16|32x1] [ROUNDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hop, Wire } from '../../peers/pair.ts';
import { allocationsOf } from './allocations.ts';
import { http1Peers, http2Peers, type Peers } from './peers.ts';
import { Rig } from './sidecar.ts';
import type { WireConnection } from './wire.ts';

const requests = 100_000;
const warmUps = 3;
const shownFunctions = 40;

/** Clients that ask, all at once, and again when all are answered. */
class Crowd {
  readonly #rig: Rig;
  readonly #peers: Peers;
  readonly #clients: WireConnection[];
  #answered = 0;

  constructor(rig: Rig, peers: Peers) {
    this.#rig = rig;
    this.#peers = peers;
    this.#clients = Array.from({ length: peers.connections }, () => {
      const client = rig.connect((bytes) => void (this.#answered += peers.countAnswers(bytes)));
      const greeting = peers.greeting();
      if (greeting !== null) client.deliver(greeting);
      return client;
    });
  }

  async ask(count: number): Promise<void> {
    for (const goal = this.#answered + count; this.#answered < goal;) {
      const all = this.#answered + this.#peers.connections * this.#peers.streams;
      for (const [i, client] of this.#clients.entries()) client.deliver(this.#peers.request(i));
      for (; this.#answered < all;) await this.#rig.turn();
    }
  }
}

const [wire = 'http1', hop = 'out', shape = '8x16', rounds = '9'] = process.argv.slice(2) as [
  Wire?,
  Hop?,
  string?,
  string?,
];
const folder = mkdtempSync(join(tmpdir(), 'hop-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const [connections = 8, streams = 16] = shape.split('x').map(Number);
const http2 = () => http2Peers({ connections, streams });
const clients = wire === 'http1' || (wire === 'mux' && hop === 'out') ? http1Peers() : http2();
const upstream = wire === 'http1' || (wire === 'mux' && hop === 'in') ? http1Peers() : http2();
const crowd = new Crowd(await Rig.start({ wire, hop, upstream, folder }), clients);

for (let round = 0; round < warmUps; round++) await crowd.ask(requests);
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const before = process.cpuUsage();
  await crowd.ask(requests);
  const { user, system } = process.cpuUsage(before);
  times.push(((user + system) * 1000) / requests);
}
times.sort((a, b) => a - b);
const [least = 0, median = 0, most = 0] = [times[0], times[times.length >> 1], times.at(-1)];
console.log(`${wire} ${hop}: ${median.toFixed(0)} ns [${least.toFixed(0)}..${most.toFixed(0)}]`);

const allocations = await allocationsOf(() => crowd.ask(requests));
const sum = allocations.reduce((total, [, bytes]) => total + bytes, 0);
console.log(`${(sum / requests).toFixed(0)} octets allocated`);
for (const [place, bytes] of allocations.slice(0, shownFunctions))
  console.log(`${(bytes / requests).toFixed(0).padStart(6)} ${place}`);
process.exit(0);
