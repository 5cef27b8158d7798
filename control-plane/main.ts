import { describeError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { createLogger, type LogLevel } from '#shared/telemetry/logger.ts';
import { build } from './app.ts';
import { parseSettings, usage } from './settings.ts';

const settings = parseSettings(process.argv.slice(2));
if (!settings.ok) {
  console.error(`control-plane: ${formatProblems(settings.problems)}\n\n${usage}`);
  process.exit(64);
}
if (settings.value === 'help') {
  console.log(usage);
  process.exit(0);
}

const logger = createLogger({ level: settings.value.logLevel as LogLevel, format: 'auto' });
try {
  const controlPlane = await build(settings.value, logger);
  // One line on standard output tells whoever started this where it listens; everything else goes to standard error.
  console.log(JSON.stringify({ listening: controlPlane.addresses }));
  logger.info({ ...controlPlane.addresses }, 'control plane is up');
  const stop = (signal: string) => {
    logger.info({ signal }, 'stopping');
    controlPlane.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
} catch (error) {
  logger.fatal(`cannot start: ${describeError(error)}`);
  process.exit(1);
}
