import { z } from 'zod';
import type { CallContext } from '../../service/call-context.ts';
import { money, toMoneyJson, type Money } from '../../service/money.ts';
import { ProblemError } from '../../service/problem.ts';
import { ServiceClient, type Answer } from './http-client.ts';

/** How payments decided on an authorization. */
export type Authorization =
  | Readonly<{ kind: 'authorized'; authorizationId: string; amount: Money; servedBy?: string | undefined }>
  | Readonly<{ kind: 'declined'; code: string; servedBy?: string | undefined }>;

/** What payments knows of a payment. */
export type PaymentReport = Authorization | Readonly<{ kind: 'absent' | 'captured' | 'voided' | 'refunded' }>;

/** A payment step of an order: the key is the order and the step, so it is done once however often it is asked for. */
export type PaymentStep = Readonly<{ orderId: string; paymentId: string; context: CallContext }>;

/** The payments service, as orders needs it. */
export interface PaymentsGateway {
  /** Asks for an authorization. Throws when the outcome is not known: ask `find`, or repeat. */
  authorize(step: PaymentStep & Readonly<{ amount: Money }>): Promise<Authorization>;
  find(step: PaymentStep): Promise<PaymentReport>;
  capture(step: PaymentStep): Promise<void>;
  /** Voids it, also when it was never asked for. `captured`: too late, it must be refunded. */
  void(step: PaymentStep): Promise<'voided' | 'captured'>;
  refund(step: PaymentStep): Promise<Readonly<{ refundId: string }>>;
}

const reportShape = z.object({
  status: z.enum(['authorized', 'declined', 'captured', 'voided', 'refunded']),
  amount: money.optional(),
  authorizationId: z.string().optional(),
  declineCode: z.string().optional(),
});

/** Payments by HTTP. */
export class HttpPayments implements PaymentsGateway {
  readonly #client: ServiceClient;

  constructor(baseUrl: string, timeoutMs: number, stopping: AbortSignal) {
    this.#client = new ServiceClient({ name: 'payments', baseUrl, timeoutMs, stopping });
  }

  async authorize(step: PaymentStep & Readonly<{ amount: Money }>): Promise<Authorization> {
    const { orderId, paymentId, amount, context } = step;
    const body = { paymentId, orderId, amount: toMoneyJson(amount) };
    const key = `${orderId}:authorize:${paymentId}`;
    const answer = await this.#client.send({ method: 'POST', path: '/payments', key, body, context });
    if (answer.status === 201) return toAuthorization(answer);
    const servedBy = answer.version;
    if (answer.status === 402)
      return { kind: 'declined', code: String(answer.body['declineCode'] ?? 'declined'), servedBy };
    if (answer.code === 'payment_state') return { kind: 'declined', code: 'voided', servedBy };
    throw unexpected(answer);
  }

  async find({ paymentId, context }: PaymentStep): Promise<PaymentReport> {
    const answer = await this.#client.send({ method: 'GET', path: `/payments/${paymentId}`, context });
    if (answer.status === 404 && answer.code === 'not_found') return { kind: 'absent' };
    if (answer.status !== 200) throw unexpected(answer);
    const { status, declineCode } = parseReport(answer);
    if (status === 'authorized') return toAuthorization(answer);
    if (status === 'declined') return { kind: 'declined', code: declineCode ?? 'declined', servedBy: answer.version };
    return { kind: status };
  }

  async capture(step: PaymentStep): Promise<void> {
    const answer = await this.#step(step, 'capture');
    if (answer.status !== 200) throw unexpected(answer);
  }

  async void(step: PaymentStep): Promise<'voided' | 'captured'> {
    const answer = await this.#step(step, 'void');
    if (answer.status === 200 || answer.body['paymentStatus'] === 'declined') return 'voided';
    if (answer.body['paymentStatus'] === 'captured') return 'captured';
    throw unexpected(answer);
  }

  async refund(step: PaymentStep): Promise<Readonly<{ refundId: string }>> {
    const answer = await this.#step(step, 'refund');
    if (answer.status !== 200) throw unexpected(answer);
    return { refundId: String(answer.body['refundId']) };
  }

  #step({ orderId, paymentId, context }: PaymentStep, step: string): Promise<Answer> {
    const path = `/payments/${paymentId}/${step}`;
    return this.#client.send({ method: 'POST', path, key: `${orderId}:${step}`, context });
  }
}

function toAuthorization(answer: Answer): Authorization {
  const { amount, authorizationId } = parseReport(answer);
  if (amount === undefined || authorizationId === undefined) throw unexpected(answer);
  return { kind: 'authorized', authorizationId, amount, servedBy: answer.version };
}

function parseReport(answer: Answer): z.output<typeof reportShape> {
  const report = z.safeDecode(reportShape, answer.body as z.input<typeof reportShape>);
  if (!report.success) throw unexpected(answer);
  return report.data;
}

function unexpected(answer: Answer): ProblemError {
  const extra = { upstream: 'payments', upstreamStatus: answer.status, upstreamCode: answer.code };
  return new ProblemError('upstream_unavailable', `payments answered ${answer.status} ${answer.code}`, { extra });
}
