import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { after, describe, test } from 'node:test';
import { systemClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { dial } from './dialer.ts';
import { WorkloadSecrets } from './secret-store.ts';
import { sniff } from './sniff.ts';
import { TlsContext } from './tls-contexts.ts';
import { anAuthority, anIdentity, listenRaw, meshTls } from './tls.fixture.ts';
import { TlsAcceptor } from './tls-server.ts';
import type { ServerTls, TlsSettings } from './tls-settings.ts';

const authority = anAuthority();
const stranger = anAuthority();
const serverId = 'spiffe://cluster.local/ns/a/sa/server';
const clientId = 'spiffe://cluster.local/ns/a/sa/client';
const server = anIdentity(authority, serverId);
const client = anIdentity(authority, clientId);

const cleanUps: (() => void)[] = [];
after(() => {
  for (const cleanUp of cleanUps) cleanUp();
});

function contextOf(identity: WorkloadCertificate | null, settings: TlsSettings) {
  const workload = new WatchSource<WorkloadCertificate | null>(identity);
  const secrets = new WorkloadSecrets({ workload, clock: systemClock, onProblem: () => undefined });
  const context = new TlsContext(settings, secrets);
  cleanUps.push(() => context.close());
  return { workload, context };
}

type Outcome = Connection | MeshError;

/** An accepting end that sniffs first, as the proxy does; `next` is the outcome of the next connection. */
async function serve(identity: WorkloadCertificate | null, settings: ServerTls, handshakeTimeoutMs = 5_000) {
  const { workload, context } = contextOf(identity, settings);
  const acceptor = new TlsAcceptor(settings, context, { handshakeTimeoutMs, clock: systemClock });
  const outcomes: Outcome[] = [];
  const waiting: ((outcome: Outcome) => void)[] = [];
  const give = (outcome: Outcome) => {
    const first = waiting.shift();
    if (first === undefined) outcomes.push(outcome);
    else first(outcome);
  };
  const { port, close } = await listenRaw((socket) => {
    sniff(socket, { maxBytes: 65_536, timeoutMs: 5_000, clock: systemClock }, () =>
      acceptor.accept(socket, { onSecure: give, onRefused: give }),
    );
  });
  cleanUps.push(close);
  const next = () => {
    const known = outcomes.shift();
    return known === undefined ? new Promise<Outcome>((resolve) => waiting.push(resolve)) : Promise.resolve(known);
  };
  return { port, workload, next };
}

function dialTo(port: number, context: TlsContext, serverName: string | null = 'app.example') {
  return new Promise<Outcome>((resolve) => {
    dial(
      {
        address: '127.0.0.1',
        port,
        sourceAddress: null,
        connectTimeoutMs: 5_000,
        keepAlive: null,
        tls: { context, serverName },
      },
      systemClock,
      {
        onConnected: (connection) => {
          connection.setHandler(ignoring);
          cleanUps.push(() => connection.destroy());
          resolve(connection);
        },
        onFailed: resolve,
      },
    );
  });
}

const ignoring: ConnectionHandler = {
  onData: () => undefined,
  onDrain: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

const factsOf = (outcome: Outcome) => {
  assert.ok(!(outcome instanceof MeshError), outcome instanceof MeshError ? outcome.message : '');
  assert.ok(outcome.tls);
  return outcome.tls;
};

const refusalOf = (outcome: Outcome) => {
  assert.ok(outcome instanceof MeshError, 'it was not refused');
  return `${outcome.code} ${String(outcome.facts['reason'] ?? '')}`.trim();
};

test('both ends know who the other is, after sniffing', async () => {
  const there = await serve(server, meshTls(clientId));
  const outcome = await dialTo(there.port, contextOf(client, meshTls(serverId)).context);
  const { cipher, peerCertificateSha256, ...mine } = factsOf(outcome);
  assert.deepEqual(mine, {
    alpn: 'istio-h2',
    serverName: 'app.example',
    version: 'TLSv1.3',
    peerUriSans: [serverId],
    peerDnsSans: [],
    peerSubject: '',
    localUriSan: clientId,
  });
  assert.match(peerCertificateSha256, /^[0-9a-f]{64}$/);
  assert.equal(cipher, 'TLS_AES_128_GCM_SHA256');
  const theirs = factsOf(await there.next());
  assert.deepEqual([theirs.peerUriSans, theirs.localUriSan, theirs.serverName], [[clientId], serverId, 'app.example']);
});

test('bytes pass both ways', async () => {
  const there = await serve(server, meshTls());
  const mine = await dialTo(there.port, contextOf(client, meshTls()).context);
  const theirs = await there.next();
  assert.ok(!(mine instanceof MeshError) && !(theirs instanceof MeshError));
  theirs.setHandler({ ...ignoring, onData: (bytes) => theirs.write(Buffer.from(bytes)) });
  const echoed = new Promise<string>((resolve) =>
    mine.setHandler({ ...ignoring, onData: (bytes) => resolve(bytes.toString()) }),
  );
  mine.write(Buffer.from('hello'));
  assert.equal(await echoed, 'hello');
});

describe('the accepting end refuses', () => {
  const refuse = async (identity: WorkloadCertificate, settings: ServerTls = meshTls()) => {
    const there = await serve(server, settings);
    const mine = { ...meshTls(), validation: null };
    const outcome = dialTo(there.port, contextOf(identity, mine).context);
    const refusal = refusalOf(await there.next());
    await outcome;
    return refusal;
  };

  test('a peer of another authority', async () => {
    assert.equal(await refuse(anIdentity(stranger, clientId)), 'peer_identity unknown_ca');
  });

  test('an expired peer', async () => {
    assert.equal(await refuse(anIdentity(authority, clientId, -60_000)), 'peer_identity expired');
  });

  test('a peer of another name', async () => {
    assert.equal(await refuse(client, meshTls('spiffe://cluster.local/ns/b/sa/other')), 'peer_identity wrong_name');
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    test(`a peer without a certificate (${version})`, async () => {
      const there = await serve(server, meshTls());
      const mine = { ...meshTls(), certificates: [], validation: null, maxVersion: version };
      const outcome = dialTo(there.port, contextOf(client, mine).context);
      assert.equal(refusalOf(await there.next()), 'peer_identity no_certificate');
      await outcome;
    });

  test('who speaks no TLS, and who stops in the middle of the handshake', async () => {
    const there = await serve(server, meshTls(), 100);
    const plain = connectTcp(there.port, '127.0.0.1').on('error', () => undefined);
    plain.write('GET / HTTP/1.1\r\n\r\n');
    assert.match(refusalOf(await there.next()), /^tls_handshake ERR_SSL/);
    const slow = connectTcp(there.port, '127.0.0.1').on('error', () => undefined);
    // A record whose message is longer than it: the sniffer waits for more, so the client closes its half.
    slow.end(Buffer.from('1603010010010000ff0303', 'hex'));
    assert.match(refusalOf(await there.next()), /tls_handshake|connection_reset/);
    plain.destroy();
    slow.destroy();
  });

  test('everybody while it has no certificate itself', async () => {
    const there = await serve(null, meshTls());
    const outcome = dialTo(there.port, contextOf(client, meshTls()).context);
    assert.equal(refusalOf(await there.next()), 'certificate no_own_certificate');
    assert.ok((await outcome) instanceof MeshError);
  });
});

describe('a certificate that need not be there', () => {
  const permissive: ServerTls = { ...meshTls(), requireClientCertificate: false };

  test('is not missed', async () => {
    const there = await serve(server, permissive);
    await dialTo(there.port, contextOf(client, { ...meshTls(serverId), certificates: [] }).context);
    assert.deepEqual(factsOf(await there.next()).peerUriSans, []);
  });

  test('is judged when it is there', async () => {
    const there = await serve(server, permissive);
    void dialTo(there.port, contextOf(anIdentity(stranger, clientId), { ...meshTls(), validation: null }).context);
    assert.equal(refusalOf(await there.next()), 'peer_identity unknown_ca');
  });
});

describe('the connecting end refuses, before a byte is sent', () => {
  const refuse = async (identity: WorkloadCertificate, settings: TlsSettings) => {
    const there = await serve(identity, { ...meshTls(), validation: null, requireClientCertificate: false });
    return refusalOf(await dialTo(there.port, contextOf(client, settings).context));
  };

  test('a server of another authority', async () => {
    assert.equal(await refuse(anIdentity(stranger, serverId), meshTls(serverId)), 'peer_identity unknown_ca');
  });

  test('an expired server', async () => {
    assert.equal(await refuse(anIdentity(authority, serverId, -60_000), meshTls(serverId)), 'peer_identity expired');
  });

  test('a server of another name', async () => {
    assert.equal(await refuse(server, meshTls('spiffe://cluster.local/ns/b/sa/x')), 'peer_identity wrong_name');
  });

  test('a wrong name even where no chain is verified', async () => {
    const names = meshTls('spiffe://x/y').validation?.names ?? [];
    const settings = { ...meshTls(), validation: { trustedCa: null, names } };
    assert.equal(await refuse(server, settings), 'peer_identity wrong_name');
  });

  test('to begin without its own certificate', async () => {
    const there = await serve(server, meshTls());
    const outcome = await dialTo(there.port, contextOf(null, meshTls()).context);
    assert.equal(refusalOf(outcome), 'certificate no_own_certificate');
  });
});

describe('rotation', () => {
  test('new handshakes use the new certificate, open connections live on', async () => {
    const there = await serve(server, meshTls());
    const mine = contextOf(client, meshTls());
    const first = await dialTo(there.port, mine.context);
    const accepted = await there.next();
    const renewedId = 'spiffe://cluster.local/ns/a/sa/renewed';
    there.workload.set(anIdentity(authority, renewedId));
    const second = await dialTo(there.port, mine.context);
    assert.deepEqual(factsOf(second).peerUriSans, [renewedId]);
    assert.ok(!(accepted instanceof MeshError) && !(first instanceof MeshError));
    const got = new Promise<string>((resolve) =>
      accepted.setHandler({ ...ignoring, onData: (bytes) => resolve(bytes.toString()) }),
    );
    first.write(Buffer.from('still here'));
    assert.equal(await got, 'still here');
  });

  test('roots that are no longer trusted are refused from then on', async () => {
    const there = await serve(server, meshTls());
    const mine = contextOf(client, { ...meshTls(), validation: null });
    await dialTo(there.port, mine.context);
    assert.deepEqual(factsOf(await there.next()).peerUriSans, [clientId]);
    there.workload.set(anIdentity(stranger, serverId));
    void dialTo(there.port, mine.context);
    assert.equal(refusalOf(await there.next()), 'peer_identity unknown_ca');
  });

  test('a session is resumed before it, and not across it', async () => {
    const there = await serve(server, meshTls());
    const options: ConnectionOptions = {
      port: there.port,
      host: '127.0.0.1',
      servername: 'app.example',
      cert: client.chainPem,
      key: client.key.reveal(),
      rejectUnauthorized: false,
    };
    const handshake = async (session?: Buffer) => {
      const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
      // Who resumes gets no further ticket.
      const ticket =
        session === undefined ? (once(socket, 'session') as Promise<[Buffer]>) : Promise.resolve([session]);
      await once(socket, 'secureConnect');
      const outcome = await there.next();
      if (!(outcome instanceof MeshError)) outcome.setHandler(ignoring);
      const isReused = socket.isSessionReused();
      const [next = Buffer.alloc(0)] = await ticket;
      socket.destroy();
      return { isReused, next, outcome };
    };
    const first = await handshake();
    const second = await handshake(first.next);
    assert.deepEqual([first.isReused, second.isReused], [false, true]);
    assert.deepEqual(factsOf(second.outcome).peerUriSans, [clientId]);
    there.workload.set(anIdentity(authority, serverId));
    assert.equal((await handshake(first.next)).isReused, false);
  });
});
