import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { pino } from 'pino';

/** A component's own log (not the access log). */
export type Logger = pino.Logger;

/** How much is logged. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Options of {@link createLogger}. */
export type LoggerOptions = Readonly<{
  level: LogLevel;
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  format: 'auto' | 'json' | 'pretty';
  /** Where lines go; standard error when left out. */
  write?: ((line: string) => void) | undefined;
}>;

/** Fields that are never printed, wherever a log line carries them at the top or one level down. */
const secretFields = ['authorization', 'cookie', 'password', 'privateKey', 'secret', 'token'];
const redactedPaths = secretFields.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

const stderr = 2;

/** Makes the logger of a process: everything it logs goes to standard error, secrets are redacted. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((line: string) => writeAll(line));
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && isatty(stderr));
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: '[redacted]' },
      serializers: { error: pino.stdSerializers.err },
    },
    { write: isPretty ? (line: string) => write(prettyLine(line)) : write },
  );
}

/** Writes to standard error at once, so that the last words before an exit are not lost. */
function writeAll(line: string): void {
  try {
    writeSync(stderr, line);
  } catch (error) {
    // A terminal or pipe that is full or gone must not stop the process; there is nowhere left to report it.
    if (!(error instanceof Error)) throw error;
  }
}

/** `12:03:04.567 INFO  xds: message key=value`. */
function prettyLine(line: string): string {
  const { level, time, component, msg, ...rest } = asRecord(JSON.parse(line));
  const name = typeof component === 'string' ? `${component}: ` : '';
  const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  const clock = String(time).slice(11, 23);
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${name}${String(msg ?? '')}${fields.join('')}\n`;
}

function fieldText(value: unknown): string {
  const { stack } = asRecord(value);
  if (typeof stack === 'string') return `\n  ${stack.replaceAll('\n', '\n  ')}`;
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
