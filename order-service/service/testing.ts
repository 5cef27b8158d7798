/** The three services, started in this process for tests: each on a free port, all on one folder that goes with them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { build as buildInventory } from '../inventory/app.ts';
import { readInventorySettings } from '../inventory/settings.ts';
import { build as buildOrders } from '../orders/app.ts';
import { readOrdersSettings } from '../orders/settings.ts';
import { build as buildPayments } from '../payments/app.ts';
import { readPaymentsSettings } from '../payments/settings.ts';

/** An answer, read to its end. */
export type TestAnswer = Readonly<{ status: number; headers: Headers; body: Record<string, unknown> }>;

/** What a test sends. A `key` of undefined sends none; without one a fresh key is made for a change. */
export type TestRequest = Readonly<{ key?: string | undefined; body?: unknown; headers?: Record<string, string> }>;

/** Services that run, and a client for them. */
export type TestServices = Readonly<{
  folder: string;
  urls: Readonly<{ orders: string; payments: string; inventory: string }>;
  grpcPort: number;
  close: () => Promise<void>;
}>;

/** Settings that every service in a test has. */
export const testSettings = { PORT: '0', GRPC_PORT: '0', LOG_LEVEL: 'silent', STORE_SYNC: 'normal' };

/** Starts payments, inventory and orders. `env` overrides settings of all three. */
export async function startServices(env: Record<string, string> = {}): Promise<TestServices> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-orders-'));
  const common = { ...testSettings, DATA_DIR: folder, ...env };
  const payments = await buildPayments(readPaymentsSettings(common));
  const inventory = await buildInventory(readInventorySettings(common));
  const urlOf = (port: number | undefined) => `http://127.0.0.1:${port}`;
  const others = { PAYMENTS_URL: urlOf(payments.ports['http']), INVENTORY_URL: urlOf(inventory.ports['http']) };
  const orders = await buildOrders(readOrdersSettings({ ...others, ...common }));
  return {
    folder,
    urls: { orders: urlOf(orders.ports['http']), payments: others.PAYMENTS_URL, inventory: others.INVENTORY_URL },
    grpcPort: orders.ports['grpc'] ?? 0,
    close: async () => {
      await orders.close();
      await Promise.all([payments.close(), inventory.close()]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Sends a request; a change gets a fresh key unless it names one. */
export async function send(method: string, url: string, request: TestRequest = {}): Promise<TestAnswer> {
  const key = 'key' in request ? request.key : randomUUID();
  const headers: Record<string, string> = { ...request.headers };
  if (method !== 'GET' && key !== undefined) headers['idempotency-key'] = key;
  if (request.body !== undefined) headers['content-type'] ??= 'application/json';
  const text = typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
  const response = await fetch(url, { method, headers, body: request.body === undefined ? null : text });
  const answered = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(answered) : { text: answered },
  };
}

/** The body of a good order. */
export function anOrderBody(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    customerId: 'c-1',
    email: 'ann@example.com',
    address: { lines: ['1 Tulip Street'], city: 'Lisse' },
    currency: 'EUR',
    lines: [{ sku: 'sku-1', title: 'Wireless mouse', quantity: 2, unitPrice: { currency: 'EUR', minor: '1999' } }],
    ...more,
  };
}
