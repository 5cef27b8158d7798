import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CommanderError, type Command } from 'commander';
import { CommandError } from './command-error.ts';
import { buildProgram, commanderExitCode } from './program.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tulle-meshctl-'));
const bad = join(folder, 'bad.yaml');
const good = join(folder, 'good.yaml');
writeFileSync(bad, 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: 7}\n');
writeFileSync(good, 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, name: http}]}\n');

/** A control plane that has applied `done`, is behind with `slow`, was refused `refused`, and whose file of `broken` is bad. */
const item = (name: string, fields: object = {}) => ({
  key: `Service/default/${name}`,
  kind: 'Service',
  namespace: 'default',
  name,
  apiVersion: 'v1',
  generation: 1,
  inForce: true,
  source: 'file',
  file: 'a.yaml',
  line: 1,
  problems: [],
  warnings: [],
  distribution: { generation: 1, applied: 1, total: 1, refused: [] },
  resource: null,
  ...fields,
});
const distribution = { generation: 1, applied: 0, total: 1, refused: [] };
const items = [
  item('done'),
  item('slow', { distribution }),
  item('refused', { distribution: { ...distribution, refused: [{ proxy: 'p', typeUrl: 't', message: 'no' }] } }),
  item('broken', { problems: [{ path: 'spec', message: 'is wrong', severity: 'error', line: 3 }] }),
];
/** Proxies: one whose admin port nobody listens on, and one that has none. */
const proxies = [
  { name: 'orders-1', namespace: 'shop', metadata: { TULLE_ADMIN: '127.0.0.1:1' } },
  { name: 'envoy', namespace: 'shop', metadata: {} },
];
const server = createServer((request, response) => {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const found = items.find(({ key }) => path === `/api/v1/resources/${key}`);
  if (found !== undefined) return send(200, found);
  if (path === '/api/v1/resources') return send(200, { generation: 1, items, files: [] });
  if (path === '/api/v1/proxies') return send(200, { generation: 1, items: proxies });
  if (path === '/upgrade') return response.writeHead(409).end('process 7 is starting\n');
  if (path === '/version') return send(200, { version: '0.1.0', node: 'v26' });
  return send(path.includes('/forbidden') ? 403 : 404, { title: `there is nothing at ${path}`, status: 404 });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
const closed = createServer().listen(0, '127.0.0.1');
await once(closed, 'listening');
const nobody = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
closed.close();
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function meshctl(args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args, '--data-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, error };
}

const at = ['--admin', admin];
type Case = readonly [code: number, args: readonly string[], says: RegExp];

/** One of each code, as a process. */
const processes: readonly Case[] = [
  [0, ['version', ...at], /0\.1\.0/],
  [1, ['describe', 'service', 'missing', ...at], /there is nothing at/],
  [64, ['gte', 'services', ...at], /unknown command 'gte'/],
  [65, ['validate', '-f', bad], /spec\.ports/],
  [69, ['get', 'services', '--admin', nobody], /does not answer at/],
  [77, ['apply', '-f', good, ...at], /changes need the socket/],
  [79, ['get', 'all', '-o', 'json', ...at], /broken/],
  [124, ['wait', 'service', 'slow', '--for=distribution', '--timeout', '50ms', ...at], /applied by 0 of 1 proxies/],
];

/** More ways to get there. */
const errors: readonly Case[] = [
  [64, ['get', 'nonsense', ...at], /nonsense/],
  [64, ['get', 'services', '--colour', ...at], /unknown option '--colour'/],
  [64, ['get', 'services', '-o', 'xml', ...at], /xml/],
  [64, ['get', 'services', '--admin', '8080'], /8080 is not HOST:PORT/],
  [64, ['get', 'services', '--admin', 'a:70000'], /a:70000 is not HOST:PORT/],
  [64, ['validate'], /--filename/],
  [64, ['wait', 'service', 'done', '--for=luck', ...at], /cannot wait for luck/],
  [64, ['wait', 'nonsense', 'done', '--for=distribution', ...at], /there is no kind nonsense/],
  [64, ['wait', 'service', 'done', '--for=distribution', '--timeout', 'soon', ...at], /soon is not a duration/],
  [64, ['proxy', 'config', 'colours', 'p', ...at], /colours/],
  [64, ['capture', 'apply', '--dry-run', '--mode', 'NONE'], /^--mode: NONE is not REDIRECT or TPROXY$/],
  [1, ['proxy', 'upgrade', admin], /is not upgraded, it goes on as it is: process 7 is starting$/],
  [1, ['proxy', 'upgrade', 'missing', ...at], /no proxy missing is connected/],
  [1, ['proxy', 'upgrade', 'envoy', ...at], /envoy does not tell its admin port/],
  [69, ['proxy', 'upgrade', 'orders-1.shop', ...at], /the admin port of the proxy does not answer at 127\.0\.0\.1:1:/],
  [77, ['describe', 'service', 'forbidden', ...at], /nothing at/],
  [79, ['wait', 'service', 'refused', '--for=distribution', ...at], /p refused it: no/],
  [79, ['wait', 'service', 'broken', '--for=distribution', ...at], /is wrong/],
];

/** Runs a command that ends in an error; what `main.ts` makes of it. */
async function fails(args: readonly string[]): Promise<{ code: number; message: string }> {
  const program = buildProgram((code) => assert.fail(`it ended with ${code}`));
  const silence = (command: Command) => {
    command.configureOutput({ writeErr: () => undefined }).exitOverride();
    for (const child of command.commands) silence(child);
  };
  silence(program);
  try {
    await program.parseAsync([...args, '--data-dir', folder], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { code: commanderExitCode(error), message: error.message };
    if (error instanceof CommandError) return { code: error.exitCode, message: error.message };
    throw error;
  }
  return assert.fail('it did not fail');
}

const shown = (args: readonly string[]) =>
  args
    .map((arg) => (arg.startsWith(folder) ? arg.slice(folder.length + 1) : arg))
    .join(' ')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS');

describe('meshctl exits', { concurrency: 2 }, () => {
  for (const [expected, args, says] of processes) {
    test(`${expected} on ${shown(args)}`, async () => {
      const { code, out, error } = await meshctl(args);
      assert.match(out + error, says);
      assert.equal(code, expected, out + error);
      assert.doesNotMatch(error, /\n\s+at /, 'an error is not a stack trace');
    });
  }

  for (const [expected, args, says] of errors) {
    test(`${expected} on ${shown(args)}, told why`, async () => {
      const { code, message } = await fails(args);
      assert.match(message, says);
      assert.equal(code, expected);
    });
  }
});
