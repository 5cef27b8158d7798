import type { Logger } from 'pino';
import { z } from 'zod';
import type { CallContext } from '../../service/call-context.ts';
import { requireKey } from '../../service/commands.ts';
import type { LaterCommand, Orders, Receipt, RequestRef } from '../app/orders.ts';
import type { PayOrder } from '../app/pay.ts';
import type { Message, UnaryHandler } from './grpc-calls.ts';
import { orderParams, toReceiptJson } from './command-routes.ts';
import { addressBody, cancelBody, cartBody, completeBody, decodeBody, placeBody } from './requests.ts';

/** What the commands act on. */
export type GrpcCommandParts = Readonly<{ orders: Orders; pay: PayOrder; now: () => Date; logger: Logger }>;

/** The methods that change orders, by name. They take the same bodies as REST, and are checked by the same schemas. */
export function commandHandlers({ orders, pay, now }: GrpcCommandParts): Record<string, UnaryHandler> {
  const change = async (message: Message, call: CallContext, [command, payload]: readonly [LaterCommand, unknown]) =>
    encodeReceipt(await orders.change(idOf(message), command, requestOf(message, call), payload));
  return {
    PlaceOrder: async (message, call) => {
      const order = decodeBody(placeBody, message);
      return encodeReceipt(await orders.place(order, requestOf(message, call)));
    },
    ChangeCart: (message, call) => {
      const body = decodeBody(cartBody, message);
      return change(message, call, [{ kind: 'changeCart', ...body }, body]);
    },
    ChangeAddress: (message, call) => {
      const body = decodeBody(addressBody, message);
      return change(message, call, [{ kind: 'changeAddress', ...body }, body]);
    },
    Pay: async (message, call) => encodeReceipt(await pay.pay(idOf(message), requestOf(message, call))),
    Submit: (message, call) => change(message, call, [{ kind: 'submit' }, {}]),
    Complete: (message, call) => {
      const body = decodeBody(completeBody, message);
      const deliveredAt = body.deliveredAt ?? now().toISOString();
      return change(message, call, [{ kind: 'complete', deliveredAt }, body]);
    },
    Cancel: (message, call) => {
      const body = decodeBody(cancelBody, message);
      return change(message, call, [{ kind: 'cancel', ...body, by: call.actor }, body]);
    },
  };
}

/** The order that a request names. */
export function idOf(message: Message): string {
  return decodeBody(orderParams, message).id;
}

const versionField = z.object({
  expectedVersion: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

function requestOf(message: Message, call: CallContext): RequestRef {
  const key = requireKey(String(message['idempotencyKey'] ?? ''));
  const { expectedVersion } = decodeBody(versionField, message);
  return { key, call, expected: expectedVersion === undefined ? undefined : BigInt(expectedVersion) };
}

function encodeReceipt(receipt: Receipt): object {
  return { ...toReceiptJson(receipt), replayed: receipt.replayed };
}
