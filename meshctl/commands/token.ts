import type { IssuedToken } from '#shared/admin/views.ts';
import { parseDurationMs } from '#shared/model/duration.ts';
import type { CommandContext } from '../context.ts';
import { CommandError, exitCodes } from '../command-error.ts';

/** `meshctl token --service-account NAMESPACE/NAME`: a join token on standard output, nothing else. */
export async function token(context: CommandContext, serviceAccount: string, ttl: string): Promise<number> {
  const [namespace, name, ...rest] = serviceAccount.split('/');
  if (namespace === undefined || name === undefined || name === '' || rest.length > 0) {
    throw new CommandError(exitCodes.usage, `${serviceAccount} is not NAMESPACE/SERVICE-ACCOUNT`);
  }
  const ttlMs = parseDurationMs(ttl);
  if (ttlMs === null || ttlMs < 1000)
    throw new CommandError(exitCodes.usage, `${ttl} is not a duration of at least 1s, such as 1h`);
  const body = JSON.stringify({ namespace, serviceAccount: name, ttlMs });
  const made = await context.admin.change<IssuedToken>('POST', '/api/v1/tokens', body);
  context.out(`${made.token}\n`);
  context.note(`for ${made.spiffeId}, until ${made.expiresAt}`);
  return exitCodes.ok;
}
