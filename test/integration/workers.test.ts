/** A sidecar with two worker threads: what is one for the proxy is one, and the death of a worker is its own. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { aCluster, aListener, aTcpListener, StaticSidecar, type Json } from './sidecar-static.fixture.ts';
import { Caller, Debugger, HoldingApp, metric, type Answer } from './workers.fixture.ts';
import { freePort } from '../support/free-port.ts';

const types = 'type.googleapis.com/envoy.extensions.';
/** So many that both workers have some, but for one run in 32,768. */
const callerCount = 16;
const maxRequests = 32;

describe('a sidecar with two worker threads', () => {
  let folder = '';
  let app: HoldingApp;
  let port = 0;
  let tcpPort = 0;
  let adminPort = 0;
  let sidecar: StaticSidecar;
  const callers: Caller[] = [];
  const opened: Debugger[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tulle-workers-'));
    app = await HoldingApp.start();
    [port, tcpPort, adminPort] = [await freePort(), await freePort(), await freePort()];
    sidecar = await StaticSidecar.start(bootstrap(), [port, adminPort], {
      flags: ['--concurrency', '2', '--drain-seconds', '0'],
      nodeFlags: ['--inspect=127.0.0.1:0'],
    });
    for (let i = 0; i < callerCount; i++) callers.push(new Caller(port));
  });

  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.close();
    for (const each of opened.splice(0)) each.close();
    app.close();
    await sidecar.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const bootstrap = (): Json => {
    const file = {
      name: 'file',
      typed_config: {
        '@type': `${types}access_loggers.file.v3.FileAccessLog`,
        path: join(folder, 'access.log'),
        log_format: { json_format: { path: '%REQ(:PATH)%', code: '%RESPONSE_CODE%' } },
      },
    };
    const cluster = {
      ...aCluster('app', app.port),
      circuit_breakers: { thresholds: [{ max_requests: maxRequests }] },
      common_lb_config: { healthy_panic_threshold: { value: 0 } },
      outlier_detection: { consecutive_5xx: 8, max_ejection_percent: 100, base_ejection_time: '300s' },
    };
    return {
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
      static_resources: {
        listeners: [
          aListener('inbound', port, 'app', { manager: { access_log: [file] } }),
          aTcpListener('tcp', tcpPort, 'tcp'),
        ],
        clusters: [
          cluster,
          { ...aCluster('tcp', app.port), circuit_breakers: { thresholds: [{ max_connections: 5 }] } },
        ],
      },
    };
  };

  const all = (path: string) => Promise.all(callers.map((caller) => caller.get(path)));

  async function attach(): Promise<Debugger> {
    const attached = await Debugger.attach(() => sidecar.stderr);
    opened.push(attached);
    return attached;
  }

  /** Starts requests that stay under way; those that end in an error end as null. */
  const hold = (who: readonly Caller[]): Promise<Answer | null>[] =>
    who.map((caller) => caller.get('/hold').catch(() => null));

  it('spreads connections over both, and counts all requests once', async () => {
    for (let round = 0; round < 3; round++) await all('/');
    assert.ok(app.connections.size >= 2, `one worker would do with ${app.connections.size}`);
    assert.equal(await metric(adminPort, 'istio_requests_total'), 3 * callerCount);
    assert.equal(await metric(adminPort, 'envoy_cluster_upstream_rq_total'), 3 * callerCount);
    // Of two clusters, with one each.
    assert.equal(await metric(adminPort, 'envoy_cluster_membership_total'), 2);
    assert.equal(await metric(adminPort, 'envoy_server_concurrency'), 2);
    const stats = await (await fetch(`http://127.0.0.1:${adminPort}/stats`)).text();
    assert.match(stats, new RegExp(`^downstream_cx_active: ${callerCount}$`, 'm'));
  });

  it('writes whole lines of both into one access log', async () => {
    const rounds = 20;
    for (let round = 0; round < rounds; round++) await all(`/${'x'.repeat(500)}`);
    const lines = await eventually(async () => {
      const text = await readFile(join(folder, 'access.log'), 'utf8');
      assert.equal(text.split('\n').length, rounds * callerCount + 1);
      return text.trimEnd().split('\n');
    });
    for (const line of lines) assert.equal((JSON.parse(line) as { code: number }).code, 200);
  });

  it('allows as many requests at once as the limit says, in both together', async () => {
    const more = Array.from({ length: maxRequests - callerCount + 8 }, () => new Caller(port));
    callers.push(...more);
    const answers = hold(callers);
    await eventually(() => app.held.length === maxRequests);
    // What is over the limit is answered at once.
    const overflow = await eventually(async () => {
      const settled = await Promise.all(answers.map((answer) => Promise.race([answer, Promise.resolve(null)])));
      const refused = settled.filter((answer) => answer?.status === 503);
      assert.equal(refused.length, 8);
      return refused;
    });
    assert.deepEqual(new Set(overflow.map((answer) => answer?.flags)), new Set(['overloaded']));
    app.release();
    assert.equal((await Promise.all(answers)).filter((answer) => answer?.status === 200).length, maxRequests);
    assert.equal(await metric(adminPort, 'envoy_cluster_upstream_rq_pending_overflow'), 8);
  });

  it('opens as many connections at once as the limit says, in both together', async () => {
    const tunnels = Array.from({ length: 16 }, () => new Caller(tcpPort));
    callers.push(...tunnels);
    const answers = hold(tunnels);
    await eventually(() => app.held.length === 5);
    const isLost = (answer: Promise<Answer | null>) =>
      Promise.race([answer, Promise.resolve('waits')]).then((state) => state === null);
    await eventually(async () => {
      assert.equal((await Promise.all(answers.map(isLost))).filter(Boolean).length, 11);
    });
    assert.equal(await metric(adminPort, 'envoy_cluster_upstream_cx_overflow'), 11);
    app.release();
  });

  it('ejects a host after so many failures in a row in both together, and for both', async () => {
    app.status = 500;
    // Fewer for each connection than the threshold.
    for (const caller of callers.slice(0, 8)) assert.equal((await caller.get()).status, 500);
    await eventually(async () => {
      const clusters = await (await fetch(`http://127.0.0.1:${adminPort}/clusters`)).text();
      assert.match(clusters, /::health_flags::\/failed_outlier_check$/m);
    });
    const before = app.requests;
    // The only host being ejected, nobody may be asked.
    assert.deepEqual(new Set((await all('/')).map(({ status }) => status)), new Set([503]));
    assert.equal(app.requests, before);
    const stats = await (await fetch(`http://127.0.0.1:${adminPort}/stats?filter=ejections_enforced_total`)).text();
    assert.equal(stats, 'cluster.app.outlier_detection.ejections_enforced_total: 1\n');
  });

  it('replaces a worker that dies of an error: the other serves on, and what it had taken is given back', async () => {
    const debugging = await attach();
    const full = [...callers, ...Array.from({ length: maxRequests - callerCount }, () => new Caller(port))];
    callers.push(...full.slice(callerCount));
    const answers = hold(full);
    await eventually(() => app.held.length === maxRequests);
    assert.equal((await new Caller(port).get('/over')).status, 503);

    await debugging.runIn('worker-0', `setImmediate(() => { throw new Error('struck by a test'); })`);
    await eventually(() => sidecar.log.some(({ msg }) => String(msg).startsWith('a worker died')));
    assert.match(JSON.stringify(sidecar.log), /struck by a test/);
    const lost = await eventually(async () => {
      const settled = await Promise.all(answers.map((answer) => Promise.race([answer, Promise.resolve('waits')])));
      const count = settled.filter((answer) => answer === null).length;
      assert.ok(count > 0);
      return count;
    });
    assert.ok(lost < maxRequests, 'all connections are lost');
    // As many as were lost may come now, and not one more.
    const next = Array.from({ length: lost }, () => new Caller(port));
    callers.push(...next);
    answers.push(...hold(next));
    await eventually(() => app.held.filter((response) => !response.destroyed).length === maxRequests);
    assert.equal((await new Caller(port).get('/over')).status, 503);

    app.release();
    const statuses = (await Promise.all(answers)).map((answer) => answer?.status ?? 'lost');
    assert.equal(statuses.filter((status) => status === 200).length, maxRequests);
    assert.equal(statuses.filter((status) => status === 'lost').length, lost);
    assert.equal(await metric(adminPort, 'tulle_worker_deaths_total'), 1);
    await eventually(async () => assert.equal(await metric(adminPort, 'envoy_cluster_upstream_rq_active'), 0));
  });

  it('keeps what a dead worker counted, and the connections that wait for its successor', async () => {
    await all('/');
    const count = () => metric(adminPort, 'istio_requests_total');
    assert.equal(await count(), callerCount);
    const debugging = await attach();
    // Their successors die too, and are then waited for.
    for (const deaths of [2, 4]) {
      for (const worker of ['worker-0', 'worker-1']) await debugging.runIn(worker, 'process.exit(7)');
      await eventually(() => sidecar.log.filter(({ reason }) => reason === 'exit code 7').length === deaths);
      // Both are dead, or have just begun: connections wait, and none is refused.
      const late = Array.from({ length: callerCount }, () => new Caller(port));
      callers.push(...late);
      assert.deepEqual(
        (await Promise.all(late.map((caller) => caller.get()))).map(({ status }) => status),
        late.map(() => 200),
      );
    }
    assert.equal(await count(), 3 * callerCount);
    assert.equal(await metric(adminPort, 'tulle_worker_deaths_total'), 4);
  });
});
