/** A hop whose clients all ask at once, and again when all are answered. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hop, Wire } from '../../peers/pair.ts';
import { http1Peers, http2Peers, type Peers } from './peers.ts';
import { Rig } from './sidecar.ts';
import type { WireConnection } from './wire.ts';

/** What is played: `8x16` are 8 connections of HTTP/2 with 16 streams each; HTTP/1.1 has 32 connections. */
export type Play = Readonly<{ wire: Exclude<Wire, 'tcp'>; hop: Hop; shape: string }>;

/** What the first three arguments ask for; a wrong one is an error that says what would be right. */
export function parsePlay([wire = 'http1', hop = 'out', shape = '8x16']: readonly string[]): Play {
  if (wire !== 'http1' && wire !== 'mux' && wire !== 'h2') throw new Error(`${wire}: http1, mux or h2`);
  if (hop !== 'out' && hop !== 'in') throw new Error(`${hop}: out or in`);
  if (!/^[1-9]\d*x[1-9]\d*$/.test(shape)) throw new Error(`${shape}: connections and streams on each, like 8x16`);
  return { wire, hop, shape };
}

export class Crowd {
  readonly #rig: Rig;
  readonly #peers: Peers;
  readonly #clients: WireConnection[];
  #answered = 0;

  private constructor(rig: Rig, peers: Peers) {
    this.#rig = rig;
    this.#peers = peers;
    this.#clients = Array.from({ length: peers.connections }, () => {
      const client = rig.connect((bytes) => void (this.#answered += peers.countAnswers(bytes)));
      const greeting = peers.greeting();
      if (greeting !== null) client.deliver(greeting);
      return client;
    });
  }

  /** Its files are in a folder that goes when the process ends. */
  static async start({ wire, hop, shape }: Play): Promise<Crowd> {
    const folder = mkdtempSync(join(tmpdir(), 'hop-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const [connections = 8, streams = 16] = shape.split('x').map(Number);
    const http2 = () => http2Peers({ connections, streams });
    const clients = wire === 'http1' || (wire === 'mux' && hop === 'out') ? http1Peers() : http2();
    const upstream = wire === 'http1' || (wire === 'mux' && hop === 'in') ? http1Peers() : http2();
    return new Crowd(await Rig.start({ wire, hop, upstream, folder }), clients);
  }

  /** At least `count` requests and their answers. */
  async ask(count: number): Promise<void> {
    for (const goal = this.#answered + count; this.#answered < goal;) {
      const all = this.#answered + this.#peers.connections * this.#peers.streams;
      for (const [i, client] of this.#clients.entries()) client.deliver(this.#peers.request(i));
      for (; this.#answered < all;) await this.#rig.turn();
    }
  }
}
