import { z } from 'zod';
import type { CommandOutcome } from '../eventstore/aggregate.ts';
import { uuidv5 } from '../eventstore/uuid.ts';
import { requireKey } from '../service/commands.ts';
import type { HttpApp } from '../service/http-app.ts';
import { money, moneyJson, toMoneyJson } from '../service/money.ts';
import { ProblemError, problemShape } from '../service/problem.ts';
import { requireDone } from '../service/to-problem.ts';
import type { PaymentState } from './payment.ts';
import type { Payments } from './payments.ts';

const paymentId = z.uuid();
const authorizeBody = z.object({ paymentId, orderId: z.string().min(1).max(100), amount: money });
const byId = z.object({ paymentId });

const paymentShape = z
  .object({
    paymentId,
    orderId: z.string(),
    status: z.enum(['authorized', 'declined', 'captured', 'voided', 'refunded']),
    amount: moneyJson.optional(),
    processor: z.string().optional(),
    authorizationId: z.string().optional(),
    declineCode: z.string().optional(),
    refundId: z.string().optional(),
  })
  .meta({ title: 'Payment' });

const failures = { '4xx': problemShape, '5xx': problemShape };
const tags = ['payments'];
const paymentsPath = '/payments';

/** Adds the routes of payments. Each change needs an Idempotency-Key; the same key always gets the same answer. */
export function addPaymentRoutes(app: HttpApp, payments: Payments): void {
  const authorizeSchema = { tags, body: authorizeBody, response: { 201: paymentShape, ...failures } };
  app.post(paymentsPath, { schema: authorizeSchema }, async (request, reply) => {
    const { body, call, headers } = request;
    const id = body.paymentId;
    const { orderId, amount } = body;
    const outcome = await payments.authorize(
      id,
      { orderId, amount },
      { key: requireKey(headers['idempotency-key']), call },
    );
    const payment = toPaymentJson(id, outcome);
    if (payment.status === 'declined') {
      const extra = { paymentId: id, declineCode: payment.declineCode };
      throw new ProblemError('payment_declined', `declined: ${payment.declineCode}`, { extra });
    }
    return reply.status(201).headers(replayed(outcome)).header('location', `/payments/${id}`).send(payment);
  });

  const readSchema = { tags, params: byId, response: { 200: paymentShape, ...failures } };
  app.get(`${paymentsPath}/:paymentId`, { schema: readSchema }, async (request) => {
    const { paymentId: id } = request.params;
    const state = await payments.find(id);
    if (state === undefined) throw new ProblemError('not_found', 'there is no such payment');
    return encodePayment(id, state);
  });

  for (const step of ['capture', 'void', 'refund'] as const) {
    const schema = { tags, params: byId, response: { 200: paymentShape, ...failures } };
    app.post(`${paymentsPath}/:paymentId/${step}`, { schema }, async (request, reply) => {
      const { params, call, headers } = request;
      const identity = { key: requireKey(headers['idempotency-key']), call };
      const id = params.paymentId;
      const command = step === 'refund' ? { kind: step, refundId: uuidv5(`refund\n${id}`) } : { kind: step };
      const outcome = await payments.execute(id, command, identity);
      return reply.headers(replayed(outcome)).send(toPaymentJson(id, outcome));
    });
  }
}

function toPaymentJson(id: string, outcome: CommandOutcome<PaymentState>): z.output<typeof paymentShape> {
  return encodePayment(id, requireDone(outcome, 'payment').state);
}

function encodePayment(id: string, state: PaymentState): z.output<typeof paymentShape> {
  const { status, amount, processor, ...rest } = state;
  if (status === 'none') throw new ProblemError('not_found', 'there is no such payment');
  // A payment that was voided before it was asked for has no amount.
  if (amount.currency === '') return { paymentId: id, status, orderId: rest.orderId };
  return { paymentId: id, status, amount: toMoneyJson(amount), processor, ...rest };
}

function replayed(outcome: CommandOutcome<PaymentState>): Record<string, string> {
  return outcome.kind === 'done' && outcome.replayed ? { 'idempotency-replayed': 'true' } : {};
}
