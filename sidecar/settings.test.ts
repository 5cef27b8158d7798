import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from './settings.ts';

const needed = ['--control-plane', 'h:1', '--ca-cert', 'root.pem', '--name', 'a'];
const inboundOf = (...flags: string[]) => {
  const settings = parseSettings([...needed, ...flags], {});
  assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'meshed');
  return settings.value.inbound;
};

test('an application port is mapped by its number, and by the name of the service port that it serves', () => {
  assert.deepEqual(inboundOf('--inbound', '8080:15080', '--inbound', 'http-api=3000:15300'), {
    8080: 15_080,
    3000: 15_300,
    'http-api': 15_300,
  });
});

test('a mapping that is none is refused by name', () => {
  for (const text of ['8080', 'a:b', '=1:2', 'HTTP=1:2', '1:2:3']) {
    const settings = parseSettings([...needed, '--inbound', text], {});
    assert.deepEqual(settings.ok ? [] : settings.problems.map(({ path }) => path), ['--inbound'], text);
  }
});

test('all problems are told at once', () => {
  const settings = parseSettings(['--inbound', 'x', '--drain-seconds', 'soon'], {});
  assert.deepEqual(settings.ok ? [] : settings.problems.map(({ path }) => path).toSorted(), [
    '--ca-cert',
    '--control-plane',
    '--drain-seconds',
    '--inbound',
  ]);
});

const refusals: readonly (readonly [args: readonly string[], problem: RegExp])[] = [
  [[], /^--control-plane: is needed \(or --config-path\)$/m],
  [['--config-path'], /--config-path/],
  [['--config-path', 'f', '--colour'], /--colour/],
  [['--config-path', 'f', 'another'], /another/],
  [['--config-path', 'f', '--end-with-application'], /^--end-with-application: is for --pod$/],
  [['--config-path', 'f', '--compat', 'envoy'], /^--compat: envoy is not one of istio, tulle$/],
  [['--config-path', 'f', '--log-level', 'loud'], /^--log-level: loud is not one of trace, debug, info, warn, error$/],
  [['--config-path', 'f', '--concurrency', 'two'], /^--concurrency: two is not a number of threads \(0 to 999\)$/],
  [['--config-path', 'f', '--concurrency=-1'], /^--concurrency: -1 is not a number of threads/],
  [['--config-path', 'f', '--admin', '15000'], /^--admin: 15000 is not HOST:PORT$/],
  [['--config-path', 'f', '--admin', 'a:70000'], /^--admin: a:70000 is not HOST:PORT$/],
  [['--config-path', 'f', '--readiness', '::1:80'], /^--readiness: ::1:80 is not HOST:PORT$/],
  [['--config-path', 'f', '--drain-seconds', ''], /^--drain-seconds: {2}is not a number$/],
  [['--config-path', 'f', '--drain-seconds=-1'], /^--drain-seconds: -1 is not a number$/],
  [['--config-path', 'f', '--drain-seconds', 'Infinity'], /^--drain-seconds: Infinity is not a number$/],
  [[...needed, '--interception', 'CNI'], /^--interception: CNI is not one of REDIRECT, TPROXY, NONE$/],
  [[...needed, '--labels', 'a=b,c'], /^--labels: a=b,c is not a=b,c=d$/],
  [[...needed, '--labels', '{"a":'], /^--labels: \{"a": is not JSON$/],
  [[...needed, '--inbound', '70000:1'], /^--inbound: 70000 is not a port$/],
  [[...needed, '--inbound', '1:70000'], /^--inbound: 70000 is not a port$/],
  [[...needed, '--http-proxy-port', '1.5'], /^--http-proxy-port: 1\.5 is not a port$/],
  [[...needed, '--http-proxy-port', '65536'], /^--http-proxy-port: 65536 is not a port$/],
  [[...needed, '--probe', 'udp:1'], /^--probe: udp:1 is not http:PORT\/PATH, tcp:PORT or grpc:PORT$/],
  [[...needed, '--probe', 'tcp:99999'], /^--probe: 99999 is not a port$/],
  [[...needed, '--certificate-ttl-seconds', 'day'], /^--certificate-ttl-seconds: day is not a number$/],
];
for (const [args, expected] of refusals) {
  test(`'${args.join(' ')}' is refused by name`, () => {
    const settings = parseSettings(args, {});
    assert.match(settings.ok ? 'taken' : settings.problems.map((p) => `${p.path}: ${p.message}`).join('\n'), expected);
  });
}

test('a token comes from its flag, from a file, or from the environment, and is not printed', () => {
  const tokenOf = (flags: readonly string[], environment: Record<string, string>) => {
    const settings = parseSettings([...needed, ...flags], environment);
    assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'meshed');
    assert.doesNotMatch(JSON.stringify(settings.value), /s3cret/);
    const { token } = settings.value;
    return token?.kind === 'value' ? token.token.reveal() : (token?.path ?? null);
  };
  assert.deepEqual(
    [
      tokenOf(['--token', 's3cret1'], { TULLE_TOKEN: 's3cret2' }),
      tokenOf([], { TULLE_TOKEN: 's3cret2' }),
      tokenOf(['--token-file', '/run/token'], { TULLE_TOKEN: 's3cret2' }),
      tokenOf([], {}),
    ],
    ['s3cret1', 's3cret2', '/run/token', null],
  );
});

test('relative paths count from where npm was called', () => {
  const settings = parseSettings(['--config-path', 'envoy.yaml'], { INIT_CWD: '/somewhere' });
  assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'static');
  assert.equal(settings.value.configPath, '/somewhere/envoy.yaml');
});

test('help comes before all complaints', () => {
  assert.deepEqual(parseSettings(['--help', '--inbound', 'x'], {}), { ok: true, value: 'help', warnings: [] });
});

test('threads are counted by the flag, else by the environment, else by what fits', () => {
  const concurrencyOf = (args: readonly string[], environment: Readonly<Record<string, string>>) => {
    const settings = parseSettings(['--config-path', 'f', ...args], environment);
    assert.ok(settings.ok && settings.value !== 'help');
    return settings.value.concurrency;
  };
  assert.equal(concurrencyOf(['--concurrency', '0'], { TULLE_CONCURRENCY: '4' }), 0);
  assert.equal(concurrencyOf([], { TULLE_CONCURRENCY: '4' }), 4);
  assert.equal(concurrencyOf([], {}), null);
});
