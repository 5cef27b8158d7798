import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { anOrderBody, send, testSettings } from '../service/testing.ts';
import { audit } from '../traffic/audit.ts';
import { build as buildInventory } from '../inventory/app.ts';
import { readInventorySettings } from '../inventory/settings.ts';
import { build as buildPayments } from '../payments/app.ts';
import { readPaymentsSettings } from '../payments/settings.ts';
import { Database } from '../eventstore/sqlite/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-kill-'));
after(() => rmSync(folder, { recursive: true }));

/** What the service acknowledged: the newest version of each order. */
type Acknowledged = Map<string, number>;

async function startChild(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { listening } = JSON.parse(line) as { listening: { http: number } };
  return { child, url: `http://127.0.0.1:${listening.http}` };
}

/** Drives orders through until stopped; notes only what was acknowledged. What fails is tried again with its key. */
async function drive(url: string, name: string, acknowledged: Acknowledged, stopping: AbortSignal): Promise<void> {
  const base = `${url}/api/v1/orders`;
  for (let i = 0; !stopping.aborted; i++) {
    const change = async (path: string, key: string, body?: object) => {
      while (!stopping.aborted) {
        const answer = await send('POST', base + path, { key, body }).catch(() => undefined);
        if (answer !== undefined && answer.status < 300)
          acknowledged.set(String(answer.body['id']), Number(answer.body['version']));
        if (answer !== undefined && answer.status < 500) return answer.body;
        await delay(10);
      }
      return {};
    };
    const { id } = await change('', `${name}-${i}`, anOrderBody({ customerId: name }));
    await change(`/${String(id)}/pay`, 'pay');
    await change(`/${String(id)}/submit`, 'submit');
    if (i % 4 === 0) await change(`/${String(id)}/cancel`, 'cancel', { reason: 'x' });
  }
}

describe('orders, killed with SIGKILL amid traffic', () => {
  it(
    'lose nothing that was acknowledged, resume projections and saga, and settle with the books equal',
    { timeout: 240_000 },
    async (context) => {
      const common = { ...testSettings, DATA_DIR: folder };
      const payments = await buildPayments(readPaymentsSettings(common));
      const inventory = await buildInventory(readInventorySettings(common));
      context.after(() => Promise.all([payments.close(), inventory.close()]));
      const PAYMENTS_URL = `http://127.0.0.1:${payments.ports['http']}`;
      const INVENTORY_URL = `http://127.0.0.1:${inventory.ports['http']}`;
      // `full`, since it is the promise to callers that is tried.
      const env = { ...common, STORE_SYNC: 'full', PAYMENTS_URL, INVENTORY_URL, PAYMENT_RESOLVE_AFTER_MS: '100' };
      const acknowledged: Acknowledged = new Map();
      for (let round = 0; round < 3; round++) {
        const { child, url } = await startChild(env);
        context.after(() => child.kill('SIGKILL'));
        const stopping = new AbortController();
        const drivers = Array.from({ length: 6 }, (_, i) =>
          drive(url, `driver-${round}-${i}`, acknowledged, stopping.signal),
        );
        const before = acknowledged.size;
        await eventually(() => acknowledged.size >= before + 12 + 6 * round, 60_000, 3);
        assert.deepEqual([child.exitCode, child.signalCode], [null, null], 'it lives until it is killed');
        child.kill('SIGKILL');
        await once(child, 'exit');
        stopping.abort();
        await Promise.all(drivers);
      }

      const { child, url } = await startChild(env);
      context.after(() => child.kill('SIGKILL'));
      const report = await audit({ ORDERS_URL: url, PAYMENTS_URL, INVENTORY_URL, AUDIT_WAIT_MS: 60_000 });
      assert.deepEqual(report.violations, []);
      assert.ok(report.orders >= acknowledged.size);
      for (const [id, version] of acknowledged) {
        const { status, body } = await send('GET', `${url}/api/v1/orders/${id}`);
        assert.ok(
          status === 200 && Number(body['version']) >= version,
          `order ${id}: ${status}, ${body['version']} < ${version}`,
        );
      }
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, 0);

      const database = new Database(join(folder, 'orders.db'));
      assert.deepEqual(database.integrityProblems(), []);
      const gaps = database
        .prepare('SELECT stream FROM events GROUP BY stream HAVING max(version) + 1 != count(*)')
        .all();
      assert.deepEqual(gaps, [], 'I9: versions without gaps');
      database.close();
    },
  );
});
