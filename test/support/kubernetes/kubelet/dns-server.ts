/** The cluster's DNS server, over UDP and TCP: it answers for names of the cluster and knows no others. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import packets, { type Answer, type DecodedPacket } from 'dns-packet';
import type { Records } from './dns-records.ts';

export type Lookup = (host: string) => Records | undefined | 'foreign';

const notFound = 3;

/** Serves `lookup` on port 53 of an address of the node. */
export class DnsServer {
  readonly #lookup: Lookup;
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp: Server;
  readonly #open = new Set<TcpSocket>();

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
    this.#udp.on('message', (message, { address, port }) => {
      const answer = this.#answer(message);
      if (answer !== undefined) this.#udp.send(packets.encode(answer), port, address);
    });
    this.#tcp = createServer((socket) => this.#serve(socket));
  }

  async listen(address: string): Promise<void> {
    this.#udp.bind(53, address);
    this.#tcp.listen(53, address);
    await Promise.all([once(this.#udp, 'listening'), once(this.#tcp, 'listening')]);
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#open) socket.destroy();
  }

  #serve(socket: TcpSocket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    let input = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      input = Buffer.concat([input, chunk]);
      while (input.length >= 2 && input.length >= 2 + input.readUInt16BE(0)) {
        const end = 2 + input.readUInt16BE(0);
        const answer = this.#answer(input.subarray(2, end));
        if (answer !== undefined) socket.write(streamOf(answer));
        input = input.subarray(end);
      }
    });
  }

  #answer(message: Buffer): packets.Packet | undefined {
    let query: DecodedPacket;
    try {
      query = packets.decode(message);
    } catch {
      return undefined;
    }
    const [question] = query.questions ?? [];
    if (question === undefined) return undefined;
    const records = this.#lookup(question.name);
    const known = typeof records === 'object';
    const flags = packets.AUTHORITATIVE_ANSWER | packets.RECURSION_AVAILABLE | (known ? 0 : notFound);
    const answers = known ? answersTo(question.name, question.type, records) : [];
    return {
      type: 'response',
      ...(query.id === undefined ? {} : { id: query.id }),
      flags,
      questions: [question],
      answers,
    };
  }
}

function answersTo(name: string, type: string, { addresses, alias }: Records): Answer[] {
  if (alias !== undefined) return [{ type: 'CNAME', name, ttl: 5, data: alias }];
  const family = type === 'A' || type === 'AAAA' ? type : undefined;
  if (family === undefined) return [];
  return addresses
    .filter((address) => address.includes(':') === (family === 'AAAA'))
    .map((data) => ({ type: family, name, ttl: 5, data }));
}

/** Over TCP two bytes of length come first. */
function streamOf(packet: packets.Packet): Buffer {
  const bytes = packets.encode(packet);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
