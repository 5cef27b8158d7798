import { z } from 'zod';
import { milliseconds, parseSettings } from '../service/settings.ts';

const url = z.url({ protocol: /^https?$/ });

const trafficShape = z.object({
  ORDERS_URL: url.default('http://orders'),
  /** Requests a second. */
  RATE: z.coerce.number().min(0.1).max(10_000).default(20),
  /** How long a request may take. */
  TIMEOUT_MS: milliseconds.default(5000),
  /** Requests that may be under way at once; above it ticks are passed over and counted. */
  MAX_IN_FLIGHT: z.coerce.number().int().min(1).max(10_000).default(200),
  /** Makes keys differ from those of other runs. */
  RUN_ID: z
    .string()
    .regex(/^[\w-]{1,60}$/)
    .optional(),
  SEED: z.coerce.number().int().default(1),
});

const auditShape = z.object({
  ORDERS_URL: url.default('http://orders'),
  PAYMENTS_URL: url.default('http://payments'),
  INVENTORY_URL: url.default('http://inventory'),
  /** How long the saga is given to settle what is open. */
  AUDIT_WAIT_MS: milliseconds.default(15_000),
});

/** The settings of the generator. */
export type TrafficSettings = z.output<typeof trafficShape>;

/** The settings of the audit. */
export type AuditSettings = z.output<typeof auditShape>;

/** The generator's settings that the environment gives. */
export function readTrafficSettings(env: NodeJS.ProcessEnv = process.env): TrafficSettings {
  return parseSettings(trafficShape, env);
}

/** The audit's settings that the environment gives. */
export function readAuditSettings(env: NodeJS.ProcessEnv = process.env): AuditSettings {
  return parseSettings(auditShape, env);
}
