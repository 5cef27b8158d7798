import { describeError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { createLogger, type LogLevel } from '#shared/telemetry/logger.ts';
import { build, type Sidecar } from './app.ts';
import { parseSettings, usage } from './settings.ts';
import { settleMemory } from './settle-memory.ts';

// Node's pool is 64 KB; a small buffer that lives on would hold all of it (see http1/byte-writer.ts).
Buffer.poolSize = 8 * 1024;

const settings = parseSettings(process.argv.slice(2));
if (!settings.ok) {
  console.error(`sidecar: ${formatProblems(settings.problems)}\n\n${usage}`);
  process.exit(64);
}
if (settings.value === 'help') {
  console.log(usage);
  process.exit(0);
}

const logger = createLogger({ level: settings.value.logLevel as LogLevel, format: 'auto' });
let sidecar: Sidecar | null = null;
let isStopping = false;

async function stop(reason: string, isGraceful: boolean): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  logger.info({ reason }, isGraceful ? 'draining' : 'stopping');
  try {
    if (isGraceful) await sidecar?.drain();
    await sidecar?.close();
    process.exit(0);
  } catch (error) {
    logger.error({ error }, 'stopping failed');
    process.exit(1);
  }
}

const residentBytes = () => process.memoryUsage.rss();

async function settle(): Promise<void> {
  logger.debug(await settleMemory(), 'memory that is not needed any more was given back');
}

try {
  sidecar = await build(settings.value, logger, {
    quit: () => void stop('quitquitquit', false),
    settle,
    residentBytes,
  });
  process.once('SIGTERM', () => void stop('SIGTERM', true));
  process.once('SIGINT', () => void stop('SIGINT', true));
  logger.info({ admin: sidecar.admin, listeners: Object.fromEntries(sidecar.listeners()) }, 'sidecar is up');
} catch (error) {
  logger.fatal(`cannot start: ${describeError(error)}`);
  process.exit(1);
}
