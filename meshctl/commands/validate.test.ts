import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { AdminClient } from '../admin-client.ts';
import type { CommandContext } from '../context.ts';
import { outputFormats, type OutputFormat } from '../output/formats.ts';
import { judge, validate, type FileProblem } from './validate.ts';

const good = `apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
`;
const bad = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
    - route:
        - destination: {host: a}
          weight: -5
`;
const unhonouredField = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  gateways: [mesh, outside]
  http: [{route: [{destination: {host: a}}]}]
`;

async function run(text: string, format: OutputFormat = 'table') {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-validate-'));
  let out = '';
  let notes = '';
  const context: CommandContext = {
    admin: new AdminClient({ host: '127.0.0.1', port: 1, socketPath: null }),
    namespace: null,
    format,
    withHeaders: true,
    sortBy: null,
    out: (more) => (out += more),
    note: (more) => (notes += more),
  };
  try {
    const file = join(folder, 'x.yaml');
    writeFileSync(file, text);
    const exitCode = await validate(context, [file]);
    return { exitCode, out: out.replaceAll(folder, ''), notes };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('says that files are valid', async () => {
  assert.deepEqual(await run(good), { exitCode: 0, out: '', notes: '1 resource in 1 file: all are valid, 0 warnings' });
});

test('names file, line, path and reason of an error, and exits 65', async () => {
  const { exitCode, out, notes } = await run(`${good}---\n${bad}`);
  assert.equal(exitCode, 65);
  assert.match(out, /^\/x\.yaml:14: error: spec\.http\[0\]\.route\[0\]\.weight: .+\n$/);
  assert.equal(notes, '2 resources in 1 file: 1 error, 0 warnings');
});

test('the same exit code in every format, with the problems as data', async () => {
  for (const format of outputFormats) assert.equal((await run(bad, format)).exitCode, 65, format);
  const { out } = await run(bad, 'json');
  const [problem] = JSON.parse(out) as FileProblem[];
  assert.deepEqual([problem?.line, problem?.severity, problem?.resource], [9, 'error', 'VirtualService/default/a']);
  assert.deepEqual(parse((await run(bad, 'yaml')).out)[0].line, 9);
  assert.equal((await run(bad, 'name')).out, 'VirtualService/default/a\n');
});

test('what is not honoured is a warning with its name, and no reason to refuse', async () => {
  const { exitCode, out } = await run(`${good}---\n${unhonouredField}`);
  assert.equal(exitCode, 0);
  assert.match(out, /^\/x\.yaml:11: warning: spec\.gateways\[1\]: /);
});

test('a kind that is known but not honoured is a warning, an unknown one an error', async () => {
  const policy = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {}\n';
  assert.equal((await run(policy)).exitCode, 0);
  assert.match((await run(policy)).out, /:2: warning: kind: .+ not honoured yet \[TUL0102\]/);
  assert.equal((await run('apiVersion: v9\nkind: Nonsense\nmetadata: {name: a}\n')).exitCode, 65);
});

test('text that is no YAML is told with its line, and the other documents are judged all the same', async () => {
  const { exitCode, out } = await run(`a: [\n---\n${bad}`);
  assert.equal(exitCode, 65);
  assert.match(out, /^\/x\.yaml:\d+: error: .+\n\/x\.yaml:11: error: spec\.http/);
});

test('what does not fit together is a warning', () => {
  const missing = bad.replace('weight: -5', 'weight: 5').replace('{host: a}', '{host: b}');
  const { problems } = judge([{ file: 'x.yaml', text: `${good}---\n${missing}` }]);
  assert.deepEqual(
    problems.map(({ severity, line }) => [severity, line]),
    [['warning', 13]],
  );
});
