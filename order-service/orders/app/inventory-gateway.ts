import { z } from 'zod';
import type { CallContext } from '../../service/call-context.ts';
import { ProblemError } from '../../service/problem.ts';
import type { MissingStock } from '../domain/events.ts';
import { ServiceClient, type Answer } from './http-client.ts';

/** A stock step of an order. The reservation has the order's id. */
export type StockStep = Readonly<{ orderId: string; context: CallContext }>;

/** Whether the stock could be reserved. */
export type StockAnswer =
  | Readonly<{ kind: 'reserved'; reservationId: string }>
  | Readonly<{ kind: 'rejected'; missing: readonly MissingStock[] }>;

/** The inventory service, as orders needs it. All methods throw when the outcome is not known: repeat. */
export interface InventoryGateway {
  reserve(step: StockStep & Readonly<{ lines: readonly { sku: string; quantity: number }[] }>): Promise<StockAnswer>;
  confirm(step: StockStep): Promise<void>;
  release(step: StockStep): Promise<void>;
}

const missingShape = z.array(z.object({ sku: z.string(), wanted: z.number(), free: z.number() }));

/** Inventory by HTTP. */
export class HttpInventory implements InventoryGateway {
  readonly #client: ServiceClient;

  constructor(baseUrl: string, timeoutMs: number, stopping: AbortSignal) {
    this.#client = new ServiceClient({ name: 'inventory', baseUrl, timeoutMs, stopping });
  }

  async reserve(
    step: StockStep & Readonly<{ lines: readonly { sku: string; quantity: number }[] }>,
  ): Promise<StockAnswer> {
    const { orderId, context } = step;
    const lines = step.lines.map(({ sku, quantity }) => ({ sku, quantity }));
    const body = { reservationId: orderId, lines };
    const key = `${orderId}:reserve`;
    const answer = await this.#client.send({ method: 'POST', path: '/reservations', key, body, context });
    if (answer.status === 201) return { kind: 'reserved', reservationId: orderId };
    const missing = missingShape.safeParse(answer.body['missing']);
    if (answer.code === 'out_of_stock' && missing.success) return { kind: 'rejected', missing: missing.data };
    if (answer.code === 'reservation_state') return { kind: 'rejected', missing: [] };
    throw unexpected(answer);
  }

  confirm(step: StockStep): Promise<void> {
    return this.#step(step, 'confirm');
  }

  release(step: StockStep): Promise<void> {
    return this.#step(step, 'release');
  }

  async #step({ orderId, context }: StockStep, step: string): Promise<void> {
    const path = `/reservations/${orderId}/${step}`;
    const answer = await this.#client.send({ method: 'POST', path, key: `${orderId}:${step}`, context });
    if (answer.status !== 200) throw unexpected(answer);
  }
}

function unexpected(answer: Answer): ProblemError {
  const extra = { upstream: 'inventory', upstreamStatus: answer.status, upstreamCode: answer.code };
  return new ProblemError('upstream_unavailable', `inventory answered ${answer.status} ${answer.code}`, { extra });
}
