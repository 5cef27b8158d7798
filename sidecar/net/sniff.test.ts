import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, describe, test } from 'node:test';
import { FakeClock, systemClock } from '#shared/runtime/clock.ts';
import { readClientHello } from './client-hello.ts';
import { classify, sniff, type Sniffed, type Sought } from './sniff.ts';
import { listenRaw } from './tls.fixture.ts';

const cleanUps: (() => void)[] = [];
after(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

/** What OpenSSL sends as a client. */
async function aClientHello(serverName: string, alpn: string[]): Promise<Buffer> {
  const hello = Promise.withResolvers<Buffer>();
  const server = await listenRaw((socket) => {
    socket.on('data', (bytes: Buffer) => hello.resolve(bytes));
    socket.resume();
  });
  const client = connectTls({
    port: server.port,
    host: '127.0.0.1',
    ...(serverName === '' ? {} : { servername: serverName }),
    ALPNProtocols: alpn,
  }).on('error', () => undefined);
  const bytes = await hello.promise;
  client.destroy();
  server.close();
  return bytes;
}

describe('classifying', () => {
  const kindOf = (text: string) => {
    const found = classify(Buffer.from(text, 'latin1'));
    return found.kind === 'http1' ? `http1 ${found.version}` : found.kind;
  };

  test('requests by the end of their line', () => {
    assert.equal(kindOf('GET / HTTP/1.1\r\n'), 'http1 1.1');
    assert.equal(kindOf('PROPFIND /a?b=c HTTP/1.0\nHost: x'), 'http1 1.0');
    assert.equal(kindOf('\r\nPOST http://a/b HTTP/1.1\r\n'), 'http1 1.1');
    assert.equal(kindOf('CONNECT a:443 HTTP/1.1\r\n'), 'http1 1.1');
  });

  test('the preface of HTTP/2, when it is whole', () => {
    assert.equal(kindOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0'), 'http2');
    assert.equal(kindOf('PRI * HTTP/2.0\r\n\r\nSM'), 'more');
  });

  test('other protocols that begin with words', () => {
    for (const text of [
      'PING\r\n',
      'SSH-2.0-OpenSSH\r\n',
      'GET key\r\n',
      '*1\r\n$4\r\nPING\r\n',
      'HELO example.com\r\n',
    ])
      assert.equal(kindOf(text), 'other', text);
    assert.equal(kindOf('GET / HTTP/2.0\r\n'), 'other');
    assert.equal(kindOf('\x00\x00\x00\x08\x04\xd2\x16\x2f'), 'other');
    assert.equal(kindOf(`${'A'.repeat(33)} / HTTP/1.1`), 'other');
    assert.equal(kindOf('GET /\x01 HTTP/1.1\r\n'), 'other');
  });

  test('every beginning of a request waits for more', () => {
    const request = 'OPTIONS * HTTP/1.1\r\n';
    for (let length = 1; length < request.length; length++)
      assert.equal(kindOf(request.slice(0, length)), 'more', request.slice(0, length));
  });

  test('where only TLS is looked for nothing else waits for more, and where only HTTP is, no TLS does', () => {
    const kind = (text: string, sought: Sought) => classify(Buffer.from(text, 'latin1'), sought).kind;
    for (const text of ['G', 'GET / HTTP/1.1\r\n', 'PRI * ', 'ab'])
      assert.equal(kind(text, { tls: true, http: false }), 'other', text);
    assert.equal(kind('\x16\x03', { tls: true, http: false }), 'more');
    assert.equal(kind('\x16\x03', { tls: false, http: true }), 'other');
    assert.equal(kind('GET', { tls: false, http: true }), 'more');
  });
});

describe('a ClientHello', () => {
  test('tells its server name and protocols, and every beginning of it waits for more', async () => {
    const hello = await aClientHello('App.Example', ['istio-h2', 'h2']);
    assert.deepEqual(classify(hello), { kind: 'tls', serverName: 'app.example', alpn: ['istio-h2', 'h2'] });
    for (let length = 1; length < hello.length; length++)
      assert.equal(classify(hello.subarray(0, length)).kind, 'more', String(length));
  });

  test('may lack both', async () => {
    assert.deepEqual(classify(await aClientHello('', [])), { kind: 'tls', serverName: '', alpn: [] });
  });

  test('may be split over several records', async () => {
    const hello = await aClientHello('app.example', ['h2']);
    const message = hello.subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += 50) {
      const part = message.subarray(at, at + 50);
      records.push(Buffer.from([22, 3, 1, 0, part.length]), part);
    }
    const split = Buffer.concat(records);
    assert.deepEqual(classify(split), { kind: 'tls', serverName: 'app.example', alpn: ['h2'] });
    for (let length = 1; length < split.length; length++)
      assert.equal(classify(split.subarray(0, length)).kind, 'more', String(length));
  });

  test('with any length that is wrong is none, and never read beyond its end', async () => {
    const hello = await aClientHello('app.example', ['h2']);
    for (let at = 5; at < hello.length; at++)
      for (const value of [0x00, 0xff]) {
        const broken = Buffer.from(hello);
        broken[at] = value;
        const { kind } = readClientHello(broken);
        assert.ok(kind === 'tls' || kind === 'other' || kind === 'more', kind);
      }
  });

  test('whose extensions are said to be longer than the message is none', () => {
    const hello = (extensionBytes: number) => {
      const body = Buffer.concat([
        Buffer.from('0303', 'hex'),
        Buffer.alloc(32),
        Buffer.from('000002130101000006', 'hex'),
        Buffer.from('001000020000', 'hex'),
      ]);
      body.writeUInt16BE(extensionBytes, body.length - 8);
      const message = Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]);
      return readClientHello(Buffer.concat([Buffer.from([22, 3, 1, 0, message.length]), message]));
    };
    assert.deepEqual(hello(6), { kind: 'tls', serverName: '', alpn: [] });
    assert.deepEqual([hello(7).kind, hello(5).kind], ['other', 'other']);
  });

  test('other records are none', () => {
    assert.equal(readClientHello(Buffer.from('1503010002022a', 'hex')).kind, 'other');
    assert.equal(readClientHello(Buffer.from('1603010004020000', 'hex')).kind, 'other');
    assert.equal(readClientHello(Buffer.from('16020100040100', 'hex')).kind, 'other');
    assert.equal(readClientHello(Buffer.from('1603010000', 'hex')).kind, 'other');
  });
});

describe('sniffing a socket', () => {
  async function open(limits: { maxBytes?: number; timeoutMs?: number; clock?: FakeClock } = {}) {
    const found = Promise.withResolvers<Sniffed>();
    const accepted = Promise.withResolvers<Socket>();
    const server = await listenRaw((socket) => {
      const { maxBytes = 1024, timeoutMs = 0, clock = systemClock } = limits;
      sniff(socket, { maxBytes, timeoutMs, clock }, found.resolve);
      accepted.resolve(socket);
    });
    const client = connect(server.port, '127.0.0.1').on('error', () => undefined);
    cleanUps.push(server.close, () => client.destroy());
    return { client, socket: await accepted.promise, result: found.promise };
  }

  test('puts back what it read, to be read again', async () => {
    const { client, socket, result } = await open();
    client.write('GET /a ');
    await once(socket, 'readable');
    client.write('HTTP/1.1\r\nhost: x\r\n\r\n');
    assert.deepEqual(await result, { kind: 'http1', version: '1.1' });
    socket.setEncoding('utf8');
    let text = '';
    socket.on('data', (part: string) => (text += part));
    client.end('body');
    await once(socket, 'end');
    assert.equal(text, 'GET /a HTTP/1.1\r\nhost: x\r\n\r\nbody');
  });

  test('gives up looking after so many bytes', async () => {
    const { client, result } = await open({ maxBytes: 64 });
    client.write(`GET /${'a'.repeat(100)}`);
    assert.deepEqual(await result, { kind: 'other' });
  });

  test('gives up waiting after its time, and what came by then is still there', async () => {
    const clock = new FakeClock();
    const { client, socket, result } = await open({ timeoutMs: 500, clock });
    client.write('GE');
    await once(socket, 'readable');
    clock.advance(500);
    assert.deepEqual(await result, { kind: 'timeout' });
    assert.equal(String(socket.read()), 'GE');
    assert.equal(clock.pending, 0);
  });

  test('tells when the client is gone before it said a word', async () => {
    const { client, result } = await open();
    client.end();
    assert.deepEqual(await result, { kind: 'closed' });
  });
});
