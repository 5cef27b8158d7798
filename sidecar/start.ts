/** The sidecar itself, from its command line. */
import { formatProblems } from '#shared/runtime/result.ts';
import { createLogger, type LogLevel } from '#shared/telemetry/logger.ts';
import { inheritanceVariable, parseInheritance } from './restart/inheritance.ts';
import { run } from './run.ts';
import { ownEnvironment, parseSettings } from './settings.ts';
import { usage } from './settings/flags.ts';

// Node's pool is 64 KB; a small buffer that lives on would hold all of it (see http1/byte-writer.ts).
Buffer.poolSize = 8 * 1024;

/** What a process can do. */
export type ProcessFace = Readonly<{
  print: (text: string) => void;
  complain: (text: string) => void;
  exit: (exitCode: number) => void;
}>;

/** Runs it until `exit` is called. */
export async function start(args: readonly string[], { print, complain, exit }: ProcessFace): Promise<void> {
  const environment = ownEnvironment();
  const settings = parseSettings(args);
  const inheritance = parseInheritance(environment[inheritanceVariable]);
  if (!settings.ok) {
    complain(`sidecar: ${formatProblems(settings.problems)}\n\n${usage}`);
    return exit(64);
  }
  if (!inheritance.ok) {
    complain(`sidecar: ${formatProblems(inheritance.problems)}`);
    return exit(64);
  }
  if (settings.value === 'help') {
    print(usage);
    return exit(0);
  }
  const logger = createLogger({ level: settings.value.logLevel as LogLevel, format: 'auto' });
  await run({ settings: settings.value, logger, inheritance: inheritance.value, environment, exit });
}
