import { z } from 'zod';
import { commonSettings, flag, grpcPort, milliseconds, parseSettings } from '../service/settings.ts';

const shape = commonSettings.extend({
  GRPC_PORT: grpcPort.default(9090),
  PAYMENTS_URL: z.url({ protocol: /^https?$/ }).default('http://payments'),
  INVENTORY_URL: z.url({ protocol: /^https?$/ }).default('http://inventory'),
  PAYMENTS_TIMEOUT_MS: milliseconds.default(2000),
  INVENTORY_TIMEOUT_MS: milliseconds.default(2000),
  /** How long a request for payment may take to bring its own answer, before the saga asks for it. */
  PAYMENT_RESOLVE_AFTER_MS: milliseconds.default(5000),
  /** Does the saga complete an order as soon as it is captured and its stock confirmed? Otherwise POST complete does. */
  AUTO_COMPLETE: flag.default(true),
  /** Must changes of cart and address name the version they have seen? */
  REQUIRE_IF_MATCH: flag.default(false),
  SAGA_CONCURRENCY: z.coerce.number().int().min(1).max(256).default(16),
});

/** The settings of orders. */
export type OrdersSettings = z.output<typeof shape>;

/** The settings that the environment gives. */
export function readOrdersSettings(env: NodeJS.ProcessEnv = process.env): OrdersSettings {
  return parseSettings(shape, env);
}
