import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
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

/** Drives orders through until the service is gone; notes only what was acknowledged. */
async function drive(url: string, name: string, acknowledged: Acknowledged): Promise<void> {
  const base = `${url}/api/v1/orders`;
  try {
    for (let i = 0; ; i++) {
      const place = await send('POST', base, { key: `${name}-${i}`, body: anOrderBody({ customerId: name }) });
      const id = String(place.body['id']);
      acknowledged.set(id, Number(place.body['version']));
      for (const step of ['pay', 'submit', ...(i % 4 === 0 ? ['cancel'] : [])]) {
        const answer = await send('POST', `${base}/${id}/${step}`, {
          key: step,
          body: step === 'cancel' ? { reason: 'x' } : undefined,
        });
        if (answer.status === 200) acknowledged.set(id, Number(answer.body['version']));
      }
    }
  } catch (error) {
    assert.ok(error instanceof TypeError || error instanceof SyntaxError, String(error));
  }
}

describe('orders, killed with SIGKILL amid traffic', () => {
  it(
    'lose nothing that was acknowledged, resume projections and saga, and settle with the books equal',
    { timeout: 60_000 },
    async () => {
      const common = { ...testSettings, DATA_DIR: folder };
      const payments = await buildPayments(readPaymentsSettings(common));
      const inventory = await buildInventory(readInventorySettings(common));
      const PAYMENTS_URL = `http://127.0.0.1:${payments.ports['http']}`;
      const INVENTORY_URL = `http://127.0.0.1:${inventory.ports['http']}`;
      // `full`, since it is the promise to callers that is tried.
      const env = { ...common, STORE_SYNC: 'full', PAYMENTS_URL, INVENTORY_URL, PAYMENT_RESOLVE_AFTER_MS: '100' };
      const acknowledged: Acknowledged = new Map();
      for (let round = 0; round < 3; round++) {
        const { child, url } = await startChild(env);
        const drivers = Array.from({ length: 6 }, (_, i) => drive(url, `driver-${round}-${i}`, acknowledged));
        const before = acknowledged.size;
        await eventually(() => acknowledged.size >= before + 12 + 6 * round, 30_000, 3);
        child.kill('SIGKILL');
        await once(child, 'exit');
        await Promise.all(drivers);
      }

      const { child, url } = await startChild(env);
      const report = await audit({ ORDERS_URL: url, PAYMENTS_URL, INVENTORY_URL, AUDIT_WAIT_MS: 20_000 });
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
      await payments.close();
      await inventory.close();
    },
  );
});
