import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

/** A fraction of requests, from 0 to 1. */
export const rate = z.coerce.number().min(0).max(1);

/** A time in milliseconds. */
export const milliseconds = z.coerce.number().int().min(0).max(600_000);

/** A switch. */
export const flag = z.enum(['0', '1', 'true', 'false']).transform((text) => text === '1' || text === 'true');

/** The settings that every service has. A port of 0 takes a free one. */
export const commonSettings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port.default(8080),
  DATA_DIR: z.string().default('./data'),
  APP_VERSION: z.string().default('v1'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  STORE_SYNC: z.enum(['full', 'normal']).default('full'),
});

/** The port of a gRPC server. */
export const grpcPort = port;

/** The settings in an environment; throws one error that names all that is wrong. Empty variables count as absent. */
export function parseSettings<Shape extends z.ZodType>(
  shape: Shape,
  env: NodeJS.ProcessEnv = process.env,
): z.output<Shape> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`settings: ${problems.join('; ')}`);
}
