import { z } from 'zod';

/** An amount in the smallest unit of its currency: exact, never a float. */
export type Money = Readonly<{ currency: string; minor: bigint }>;

/** The largest total of an order, in minor units. */
export const maxTotalMinor = 10n ** 15n;

/** An ISO 4217 code. */
export const currencyShape = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .meta({ description: 'ISO 4217 currency code', example: 'EUR' });

/** Money as JSON: the amount is a string of digits, since a JSON number cannot hold it. */
export const moneyJson = z
  .object({
    currency: currencyShape,
    minor: z
      .string()
      .regex(/^(0|[1-9]\d{0,15})$/)
      .meta({ description: 'amount in minor units (cents), as digits', example: '1999' }),
  })
  .meta({ title: 'Money' });

/** Money between its JSON and ours. */
export const money = z.codec(moneyJson, z.object({ currency: z.string(), minor: z.bigint() }), {
  decode: ({ currency, minor }) => ({ currency, minor: BigInt(minor) }),
  encode: ({ currency, minor }) => ({ currency, minor: String(minor) }),
});

/** Money of this currency. */
export function moneyOf(currency: string, minor: bigint): Money {
  return { currency, minor };
}

/** Money as JSON. */
export function toMoneyJson({ currency, minor }: Money): z.output<typeof moneyJson> {
  return { currency, minor: String(minor) };
}

/** Is it the same amount of the same currency? */
export function isSameMoney(a: Money, b: Money): boolean {
  return a.currency === b.currency && a.minor === b.minor;
}
