import { z } from 'zod';
import { commonSettings, milliseconds, parseSettings, rate } from '../service/settings.ts';

const shape = commonSettings.extend({
  /** The largest amount that is authorized; above it a payment is declined. */
  PAY_LIMIT_MINOR: z
    .string()
    .regex(/^\d{1,16}$/)
    .default('1000000000')
    .transform((digits) => BigInt(digits)),
  PAY_FAIL_RATE: rate.default(0),
  PAY_DROP_AFTER_COMMIT: rate.default(0),
  PAY_LATENCY_MS: milliseconds.max(60_000).default(0),
});

/** The settings of payments. */
export type PaymentsSettings = z.output<typeof shape>;

/** The settings that the environment gives. */
export function readPaymentsSettings(env: NodeJS.ProcessEnv = process.env): PaymentsSettings {
  return parseSettings(shape, env);
}
