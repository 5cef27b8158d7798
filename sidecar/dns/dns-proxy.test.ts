/** The DNS proxy over real sockets, asked by Node's resolver (c-ares). */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Resolver } from 'node:dns/promises';
import { after, describe, test } from 'node:test';
import { eventually } from '../../test/support/eventually.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { isErrno } from '#shared/runtime/errno.ts';
import { formatHostPort } from '#shared/runtime/host-port.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { ListeningSockets } from '../net/listening-sockets.ts';
import type { NameTable } from '../snapshot/name-table.ts';
import { renderPrometheus } from '../telemetry/prometheus.ts';
import { anAnswer, aQuery, aTable, FakeResolver, tell } from './dns.fixture.ts';
import { type DnsProxy, startDnsProxy } from './dns-proxy.ts';
import { frame, MessageStream } from './message-stream.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

const many = Array.from({ length: 200 }, (_, i) => `10.2.0.${i}`);
const table = aTable({
  'orders.shop.svc.cluster.local': ['10.0.0.1', 'fd00::1'],
  'many.example': many,
});

async function start(upstream: FakeResolver | null, more: { host?: string; sockets?: ListeningSockets } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-dns-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'resolv.conf');
  await writeFile(file, upstream === null ? '' : `nameserver [127.0.0.1]:${upstream.port}\noptions timeout:1\n`);
  const names = new WatchSource<NameTable | null>(table);
  const proxy = await startDnsProxy({
    address: { host: more.host ?? '127.0.0.1', port: 0 },
    resolvConf: file,
    names,
    namespace: 'shop',
    clock: systemClock,
    sockets: more.sockets ?? new ListeningSockets(),
    log: () => undefined,
  });
  cleanUps.push(() => proxy.close());
  return { proxy, names, file };
}

function ask(proxy: DnsProxy, host = '127.0.0.1'): Resolver {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([formatHostPort(host, proxy.port)]);
  return resolver;
}

async function anUpstream(answer: Parameters<typeof FakeResolver.start>[0]): Promise<FakeResolver> {
  const upstream = await FakeResolver.start(answer);
  cleanUps.push(() => upstream.close());
  return upstream;
}

const failsWith = (code: string) => (error: unknown) => isErrno(error, code);

describe('the DNS proxy', () => {
  test('answers for the mesh, over UDP and, what is too large for that, over TCP', async () => {
    const { proxy } = await start(null);
    const resolver = ask(proxy);
    assert.deepEqual(await resolver.resolve4('orders'), ['10.0.0.1']);
    assert.deepEqual(await resolver.resolve6('ORDERS.shop.svc'), ['fd00::1']);
    assert.deepEqual(new Set(await resolver.resolve4('many.example')), new Set(many));
    await assert.rejects(resolver.resolve6('many.example'), failsWith('ENODATA'));
    await assert.rejects(resolver.resolve4('example.org'), failsWith('ESERVFAIL'));
  });

  test('passes on what it does not know, and keeps the answer', async () => {
    const upstream = await anUpstream((query) =>
      anAnswer(query, [{ type: 'TXT', name: 'text.example', ttl: 60, data: 'hello' }]),
    );
    const { proxy } = await start(upstream);
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(proxy).resolveTxt('text.example'), [['hello']]);
    assert.deepEqual(upstream.asked, ['udp text.example']);
    const text = renderPrometheus([], proxy.families());
    assert.match(text, /^dns_requests_total 3$/m);
    assert.match(text, /^dns_upstream_requests_total 1$/m);
    assert.match(text, /^dns_upstream_failures_total 0$/m);
    assert.match(text, /^# TYPE dns_upstream_request_duration_seconds histogram$/m);
    assert.match(text, /^dns_upstream_request_duration_seconds_bucket\{le="\+Inf"\} 1$/m);
    assert.match(text, /^dns_upstream_request_duration_seconds_count 1$/m);
  });

  test('asks over TCP what was asked over TCP: an answer that was cut comes whole', async () => {
    const upstream = await anUpstream((query, transport) => {
      const answer = anAnswer(
        query,
        Array.from(
          { length: 100 },
          (_, i) => ({ type: 'A', name: 'big.example', ttl: 60, data: `10.3.0.${i}` }) as const,
        ),
      );
      if (transport === 'tcp') return answer;
      const cut = anAnswer(query, []);
      cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
      return cut;
    });
    const { proxy } = await start(upstream);
    assert.equal((await ask(proxy).resolve4('big.example')).length, 100);
    assert.deepEqual(upstream.asked, ['udp big.example', 'tcp big.example']);
  });

  test('reads resolv.conf again when it has changed', async () => {
    const [first, second] = await Promise.all(
      ['10.4.0.1', '10.4.0.2'].map((data) =>
        anUpstream((query) => anAnswer(query, [{ type: 'A', name: 'x.example', ttl: 60, data }])),
      ),
    );
    assert.ok(first !== undefined && second !== undefined);
    const { proxy, file } = await start(first);
    assert.deepEqual(await ask(proxy).resolve4('x.example'), ['10.4.0.1']);
    await writeFile(file, `nameserver [127.0.0.1]:${second.port}\n# changed\n`);
    await eventually(async () => assert.deepEqual(await ask(proxy).resolve4('x.example'), ['10.4.0.2']));
  });

  test('does not ask itself when resolv.conf says so', async () => {
    const { proxy, file } = await start(null);
    await writeFile(file, `nameserver [127.0.0.1]:${proxy.port}\n`);
    const resolver = ask(proxy);
    for (let i = 0; i < 5; i++) await assert.rejects(resolver.resolve4('x.example'), failsWith('ESERVFAIL'));
  });

  test('survives what is no DNS, on both transports', async () => {
    const { proxy } = await start(null);
    const socket = createSocket('udp4');
    for (const junk of [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(2000, 0xc0)])
      socket.send(junk, proxy.port, '127.0.0.1');
    const connection = connect(proxy.port, '127.0.0.1');
    connection.end(Buffer.concat([frame(Buffer.alloc(5)), Buffer.from([0xff])]));
    await once(connection, 'close');
    assert.deepEqual(await ask(proxy).resolve4('orders'), ['10.0.0.1']);
    socket.close();
  });

  test('answers several questions of one connection, also when its client has said all', async () => {
    const { proxy } = await start(null);
    const socket = connect(proxy.port, '127.0.0.1');
    const answers: string[] = [];
    const stream = new MessageStream((message) => answers.push(tell(message)));
    socket.on('data', (bytes: Buffer) => stream.push(bytes));
    const questions = Buffer.concat([frame(aQuery('orders')), frame(aQuery('orders', 'AAAA'))]);
    // In pieces that cut lengths and messages.
    for (const piece of [questions.subarray(0, 1), questions.subarray(1, 40)]) socket.write(piece);
    socket.end(questions.subarray(40));
    await once(socket, 'close');
    assert.deepEqual(answers, ['NOERROR, aa, orders A 10.0.0.1', 'NOERROR, aa, orders AAAA fd00::1']);
  });

  test('a port that is taken is told', async () => {
    const { proxy } = await start(null);
    const again = startDnsProxy({
      address: { host: '127.0.0.1', port: proxy.port },
      resolvConf: '/nowhere',
      names: new WatchSource<NameTable | null>(null),
      namespace: '',
      clock: systemClock,
      sockets: new ListeningSockets(),
      log: () => undefined,
    });
    await assert.rejects(again, (error) => isMeshError(error, 'io') && error.message.includes(String(proxy.port)));
  });

  test('localhost is 127.0.0.1 and, where there is one, ::1', async () => {
    const { proxy } = await start(null, { host: 'localhost' });
    for (const { host } of proxy.addresses) assert.deepEqual(await ask(proxy, host).resolve4('orders'), ['10.0.0.1']);
    assert.ok(proxy.addresses.some(({ host }) => host === '127.0.0.1'));
  });

  test('notes both of its sockets for a successor, and stops', async () => {
    const sockets = new ListeningSockets();
    const { proxy } = await start(null, { sockets });
    const resolver = ask(proxy);
    const handed = sockets.held().map(({ name, address }) => `${name} ${address}`);
    assert.deepEqual(handed, ['dns over tcp 127.0.0.1', 'dns over udp udp/127.0.0.1']);
    await proxy.stop();
    assert.deepEqual(sockets.held(), []);
    await assert.rejects(resolver.resolve4('orders'), failsWith('ECONNREFUSED'));
  });
});
