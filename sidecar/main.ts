import { formatProblems } from '#shared/runtime/result.ts';
import { createLogger, type LogLevel } from '#shared/telemetry/logger.ts';
import { inheritanceVariable, parseInheritance } from './restart/inheritance.ts';
import { run } from './run.ts';
import { ownEnvironment, parseSettings } from './settings.ts';
import { usage } from './settings/flags.ts';

// Node's pool is 64 KB; a small buffer that lives on would hold all of it (see http1/byte-writer.ts).
Buffer.poolSize = 8 * 1024;

const environment = ownEnvironment();
const settings = parseSettings(process.argv.slice(2));
const inheritance = parseInheritance(environment[inheritanceVariable]);
if (!settings.ok) {
  console.error(`sidecar: ${formatProblems(settings.problems)}\n\n${usage}`);
  process.exit(64);
}
if (!inheritance.ok) {
  console.error(`sidecar: ${formatProblems(inheritance.problems)}`);
  process.exit(64);
}
if (settings.value === 'help') {
  console.log(usage);
  process.exit(0);
}

const logger = createLogger({ level: settings.value.logLevel as LogLevel, format: 'auto' });
await run({
  settings: settings.value,
  logger,
  inheritance: inheritance.value,
  environment,
  exit: (exitCode) => process.exit(exitCode),
});
