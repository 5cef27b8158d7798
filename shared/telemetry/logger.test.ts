import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LoggerOptions } from './logger.ts';

function aLogger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', write: (line) => lines.push(line), ...options });
  return { logger, lines };
}

test('a JSON line carries level, time, component, fields and message', () => {
  const { logger, lines } = aLogger();
  logger.child({ component: 'xds' }).info({ version: 7 }, 'applied');
  const { time, ...rest }: Record<string, unknown> = JSON.parse(lines[0] ?? '');
  assert.deepEqual(rest, { level: 'info', component: 'xds', version: 7, msg: 'applied' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('lines below the level are not written', () => {
  const { logger, lines } = aLogger({ level: 'warn' });
  logger.info('quiet');
  logger.warn('loud');
  assert.equal(lines.length, 1);
});

test('secrets are redacted down to the second level', () => {
  const { logger, lines } = aLogger();
  logger.info({
    token: 'abc',
    headers: { authorization: 'Bearer abc', host: 'a' },
    request: { headers: { cookie: 'abc' } },
  });
  assert.doesNotMatch(lines.join(''), /abc/);
  assert.match(lines.join(''), /"host":"a"/);
});

test('a pretty line reads as one sentence with its fields, and an error with its stack', () => {
  const { logger, lines } = aLogger({ format: 'pretty' });
  logger.child({ component: 'xds' }).warn({ resource: 'a b', n: 1 }, 'refused');
  logger.error({ error: new Error('broken') }, 'failed');
  assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} WARN {2}xds: refused resource="a b" n=1\n$/);
  assert.match(lines[1] ?? '', /ERROR failed error=\n {2}Error: broken\n/);
});
