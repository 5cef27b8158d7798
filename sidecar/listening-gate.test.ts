import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { Readiness } from '#shared/runtime/readiness.ts';
import { eventually } from '../test/support/eventually.ts';
import { ListeningGate } from './listening-gate.ts';
import type { Snapshot } from './snapshot/snapshot.ts';
import { TimeToReady } from './time-to-ready.ts';

const listener = (useOriginalDst: boolean, bindToPort = true) => ({ useOriginalDst, bindToPort });
const place: HostPort = { host: '0.0.0.0', port: 1 };

function gateOf(configured: Readonly<Record<string, object>>) {
  const clock = new FakeClock();
  const readiness = new Readiness();
  const bound = new Map<string, HostPort>();
  let tries = 0;
  let listeners = new Map() as Snapshot['listeners'];
  const gate = new ListeningGate({
    readiness,
    clock,
    dataPlane: {
      addresses: () => bound,
      listen: () => {
        tries++;
        return Promise.resolve();
      },
    },
    listeners: () => listeners,
  });
  const configure = () => (listeners = new Map(Object.entries(configured)) as unknown as Snapshot['listeners']);
  return { clock, readiness, bound, gate, configure, tries: () => tries };
}

test('it is not ready before it is configured, nor before it listens where connections are led to', async () => {
  const { clock, readiness, bound, gate, configure, tries } = gateOf({
    virtualInbound: listener(true),
    virtualOutbound: listener(true),
    '0.0.0.0_80': listener(false, false),
    'egress-of-a-Sidecar': listener(false),
  });
  gate.check();
  assert.deepEqual([readiness.awaited(), clock.pending], [['listeners'], 0]);
  configure();
  bound.set('virtualOutbound', place);
  gate.check();
  gate.check();
  assert.deepEqual([readiness.isReady, clock.pending], [false, 1]);
  clock.advance(1000);
  await eventually(() => clock.pending === 1);
  assert.deepEqual([readiness.isReady, tries()], [false, 1]);
  bound.set('virtualInbound', place);
  clock.advance(1000);
  await eventually(() => readiness.isReady);
});

test('a gate that was closed tries no more', () => {
  const { clock, gate, configure, tries } = gateOf({ virtualInbound: listener(true) });
  configure();
  gate.check();
  gate.close();
  clock.advance(10_000);
  assert.deepEqual([tries(), clock.pending], [0, 0]);
});

test('the time until it is ready is that of the first time', () => {
  const readiness = new Readiness();
  const open = readiness.gate('certificate');
  let uptimeMs = 100;
  const told: number[] = [];
  const time = new TimeToReady(
    readiness,
    () => uptimeMs,
    (ms) => told.push(ms),
  );
  assert.equal(time.ms, null);
  uptimeMs = 250;
  open();
  uptimeMs = 900;
  readiness.close('draining');
  readiness.gate('draining')();
  assert.deepEqual([time.ms, told], [250, [250]]);
});
