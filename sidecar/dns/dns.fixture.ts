/** For tests: queries and answers as bytes, and a resolver that answers what a test says. */
import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';
import { type Answer, decode, type DecodedPacket, encode, RECURSION_DESIRED, type RecordType } from 'dns-packet';
import type { NameInfo, NameTable } from '../snapshot/name-table.ts';
import { frame, MessageStream } from './message-stream.ts';
import { parseQuery, type Query } from './query.ts';

/** A query of an application. `edns`: the size of UDP messages that it takes. */
export function aQuery(name: string, type: RecordType = 'A', options: { id?: number; edns?: number } = {}): Buffer {
  const { id = 7, edns } = options;
  const opt = { type: 'OPT', name: '.', udpPayloadSize: edns, flags: 0, options: [] } as unknown as Answer;
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name }],
    additionals: edns === undefined ? [] : [opt],
  });
}

/** The same, read. */
export function parsed(message: Buffer): Query {
  const result = parseQuery(message);
  if (result.kind !== 'query') throw new Error(`not a query but ${result.kind}`);
  return result.query;
}

/** An answer to a query, as a resolver gives it. */
export function anAnswer(
  query: Buffer,
  answers: readonly Answer[],
  more: { rcode?: number; authorities?: Answer[] } = {},
) {
  const { id = 0, questions = [] } = decode(query);
  const { rcode = 0, authorities = [] } = more;
  return encode({ type: 'response', id, flags: 0x0180 | rcode, questions, answers: [...answers], authorities });
}

export const aSoa = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name: 'example',
  ttl,
  data: { mname: 'ns.example', rname: 'root.example', minimum, serial: 1, refresh: 1, retry: 1, expire: 1 },
});

/** The addresses and aliases of an answer: `name type data`. */
export function recordsOf(message: Buffer): readonly string[] {
  return (decode(message).answers ?? []).map((record) => {
    const data = 'data' in record ? record.data : '';
    return `${record.name} ${record.type} ${typeof data === 'string' ? data : JSON.stringify(data)}`;
  });
}

/** Code, flags and records of an answer in one line. */
export function tell(message: Buffer): string {
  const packet = decode(message) as DecodedPacket & { rcode: string };
  const flags = [packet.flag_aa ? 'aa' : '', packet.flag_tc ? 'tc' : ''].filter((flag) => flag !== '');
  return [packet.rcode, ...flags, ...recordsOf(message)].join(', ');
}

/** A table of names. Kubernetes hosts are those of `svc.cluster.local`. */
export function aTable(rows: Readonly<Record<string, readonly string[]>>): NameTable {
  return new Map(
    Object.entries(rows).map(([host, addresses]): [string, NameInfo] => {
      const [, shortname = '', namespace = ''] = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/.exec(host) ?? [];
      return [host, { addresses, isKubernetes: shortname !== '', shortname, namespace, otherHosts: [] }];
    }),
  );
}

/** A resolver, on a free port of the loopback unless told. `answer`: null says nothing. */
export class FakeResolver {
  readonly asked: string[] = [];
  readonly #udp = createSocket('udp4');
  readonly #tcp = createServer();
  port = 0;

  static async start(
    answer: (query: Buffer, transport: 'udp' | 'tcp') => Buffer | null,
    { host, port } = { host: '127.0.0.1', port: 0 },
  ): Promise<FakeResolver> {
    const fake = new FakeResolver();
    const tell = (query: Buffer, transport: 'udp' | 'tcp'): Buffer | null => {
      fake.asked.push(`${transport} ${decode(query).questions?.[0]?.name}`);
      return answer(query, transport);
    };
    fake.#tcp.on('connection', (socket) => {
      const stream = new MessageStream((query) => {
        const message = tell(query, 'tcp');
        if (message === null) socket.destroy();
        else socket.write(frame(message));
      });
      socket.on('error', () => undefined).on('data', (bytes: Buffer) => stream.push(bytes));
    });
    fake.#udp.on('message', (query, from) => {
      const message = tell(query, 'udp');
      if (message !== null) fake.#udp.send(message, from.port, from.address);
    });
    await new Promise<void>((resolve) => fake.#tcp.listen(port, host, resolve));
    fake.port = (fake.#tcp.address() as AddressInfo).port;
    await new Promise<void>((resolve) => fake.#udp.bind(fake.port, host, resolve));
    return fake;
  }

  async close(): Promise<void> {
    this.#udp.close();
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }
}
