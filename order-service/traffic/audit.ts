/**
 * Audits the three services over HTTP, once traffic has stopped: `node order-service/traffic/audit.ts`. Prints one JSON
 * document and exits with 1 when an invariant is violated (2 when the services cannot be read).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { auditMoney, auditStock, type Fact } from './audit-rules.ts';
import { readAuditSettings, type AuditSettings } from './settings.ts';

/** What the audit found. Amounts are digits. */
export type AuditReport = Readonly<{
  isSound: boolean;
  violations: readonly string[];
  orders: number;
  money: Readonly<Record<'orders' | 'payments', Readonly<{ captured: string; refunded: string }>>>;
  skus: number;
}>;

/** Audits the services at these addresses. */
export async function audit(settings: AuditSettings): Promise<AuditReport> {
  const violations: string[] = [];
  if (!(await isSettled(settings))) violations.push('the saga has open work');
  const [payments, inventory, orders] = [
    await readLog(settings.PAYMENTS_URL),
    await readLog(settings.INVENTORY_URL),
    await readLog(settings.ORDERS_URL),
  ];
  const money = auditMoney(orders, payments);
  const stock = auditStock(inventory);
  const views = await readJson(`${settings.ORDERS_URL}/admin/audit`);
  for (const mismatch of listIn(views, 'mismatches')) violations.push(`order ${mismatch['id']}: ${mismatch['reason']}`);
  for (const shown of listIn(await readJson(`${settings.INVENTORY_URL}/admin/stock`), 'stock')) {
    const counted = stock.facts.get(String(shown['sku']));
    const isSame = (['free', 'reserved', 'sold'] as const).every((part) => counted?.[part] === shown[part]);
    if (!isSame)
      violations.push(`sku ${shown['sku']}: shown ${JSON.stringify(shown)}, counted ${JSON.stringify(counted)}`);
  }
  violations.push(...money.violations, ...stock.violations);
  const inDigits = ({ captured, refunded }: { captured: bigint; refunded: bigint }) => ({
    captured: String(captured),
    refunded: String(refunded),
  });
  return {
    isSound: violations.length === 0,
    violations: violations.slice(0, 100),
    orders: Number(views['orders']),
    money: { orders: inDigits(money.facts.orders), payments: inDigits(money.facts.payments) },
    skus: stock.facts.size,
  };
}

async function isSettled(settings: AuditSettings): Promise<boolean> {
  const deadline = Date.now() + settings.AUDIT_WAIT_MS;
  for (;;) {
    const { head, projections } = await readJson(`${settings.ORDERS_URL}/admin/projections`);
    const saga = await readJson(`${settings.ORDERS_URL}/admin/saga`);
    const isListed = Array.isArray(projections) && projections.every((projection) => projection.position === head);
    if (isListed && saga['open'] === 0) return true;
    if (Date.now() >= deadline) return false;
    await delay(200);
  }
}

async function readLog(baseUrl: string): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  for (let after = '0'; ;) {
    const page = await readJson(`${baseUrl}/admin/log?limit=1000&after=${after}`);
    for (const { stream, type, data } of listIn(page, 'events')) {
      facts.push({ stream: String(stream), type: String(type), data: { ...(data as object) } });
    }
    if (page['atEnd'] === true) return facts;
    after = String(page['next']);
  }
}

async function readJson(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  const body: unknown = await response.json();
  if (!response.ok || typeof body !== 'object' || body === null) throw new Error(`${url} answered ${response.status}`);
  return { ...body };
}

function listIn(body: Readonly<Record<string, unknown>>, name: string): readonly Record<string, unknown>[] {
  const list = body[name];
  if (!Array.isArray(list)) throw new Error(`no list ${name} in the answer`);
  return list as Record<string, unknown>[];
}

if (import.meta.main) {
  try {
    const report = await audit(readAuditSettings());
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.exitCode = report.isSound ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
