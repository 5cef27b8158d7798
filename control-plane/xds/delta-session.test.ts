import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSnapshot, Delta, type Contents } from './testing/drive.ts';

const full = { CDS: 'a@1', EDS: 'a@1', LDS: 'l@1', RDS: 'l@1' };

/** A proxy that has accepted everything of generation 1. */
function warmed(contents: Contents = full): Delta {
  const proxy = new Delta(aSnapshot(1, contents));
  proxy.ask('CDS', '');
  proxy.ack('CDS');
  proxy.ask('EDS', 'a');
  proxy.ack('EDS');
  proxy.ask('LDS', '*');
  proxy.ack('LDS');
  proxy.ask('RDS', 'l');
  proxy.ack('RDS');
  return proxy;
}

test('an empty first request for clusters or listeners means all; for endpoints it means none', () => {
  const proxy = new Delta(aSnapshot(1, full));
  assert.deepEqual(proxy.ask('CDS'), ['send CDS a@1']);
  assert.deepEqual(proxy.ask('LDS'), ['send LDS l@1']);
  assert.deepEqual(proxy.ask('EDS'), []);
});

test('names are sent after all that they lead to, and count for what is applied', () => {
  const proxy = warmed({ ...full, NDS: 'names@1' });
  assert.deepEqual(proxy.ask('NDS'), ['send NDS names@1']);
  proxy.ack('NDS');
  const changed = { ...full, LDS: 'l@2', NDS: 'names@2' };
  assert.deepEqual(proxy.snapshot(2, changed), ['send LDS l@2', 'send RDS l@1', 'send NDS names@2']);
  proxy.ack('LDS');
  proxy.ack('RDS');
  assert.deepEqual(proxy.ack('NDS'), ['accepted NDS g2', 'applied g2']);
});

test('who wants all is answered even when there is nothing', () => {
  assert.deepEqual(new Delta(aSnapshot(1, {})).ask('CDS'), ['send CDS']);
});

test('only what changed is sent', () => {
  const proxy = warmed({ ...full, CDS: 'a@1 b@1' });
  assert.deepEqual(proxy.snapshot(2, { ...full, CDS: 'a@1 b@2 c@1' }), ['send CDS b@2 c@1']);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2', 'applied g2']);
});

test('a name that does not exist is answered as removed, and sent when it appears', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.ask('EDS', 'b'), ['send EDS -b']);
  proxy.ack('EDS');
  assert.deepEqual(proxy.snapshot(2, { ...full, EDS: 'a@1 b@1' }), ['send EDS b@1']);
  proxy.ack('EDS');
  assert.deepEqual(proxy.snapshot(3, full), ['send EDS -b']);
  proxy.ack('EDS');
  assert.deepEqual(proxy.snapshot(4, { ...full, RDS: 'l@1' }), ['applied g4']);
});

test('a name that is asked for again is sent again', () => {
  assert.deepEqual(warmed().ask('EDS', 'a'), ['send EDS a@1']);
});

test('on a reconnect only what differs from the initial versions is sent', () => {
  const proxy = new Delta(aSnapshot(7, { ...full, CDS: 'a@1 b@2 c@1', EDS: 'a@1 b@1' }));
  const initial = { initialResourceVersions: { a: '1', b: '1' } };
  assert.deepEqual(proxy.ask('LDS', '', { initialResourceVersions: { l: '1' } }), ['send LDS']);
  assert.deepEqual(proxy.ask('CDS', '', initial), ['send CDS b@2 c@1']);
});

test('on a reconnect with nothing changed no endpoints are sent', () => {
  const proxy = new Delta(aSnapshot(7, full));
  assert.deepEqual(proxy.ask('CDS', '', { initialResourceVersions: { a: '1' } }), ['send CDS']);
  assert.deepEqual(proxy.ask('EDS', 'a', { initialResourceVersions: { a: '1' } }), []);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g7']);
});

test('on a reconnect the endpoints of a cluster that was sent again are sent again, in either order of the requests', () => {
  const changed = { ...full, CDS: 'a@2' };
  const clustersFirst = new Delta(aSnapshot(2, changed));
  clustersFirst.ask('CDS', '', { initialResourceVersions: { a: '1' } });
  assert.deepEqual(clustersFirst.ask('EDS', 'a', { initialResourceVersions: { a: '1' } }), ['send EDS a@1']);
  const endpointsFirst = new Delta(aSnapshot(2, changed));
  assert.deepEqual(endpointsFirst.ask('EDS', 'a', { initialResourceVersions: { a: '1' } }), []);
  assert.deepEqual(endpointsFirst.ask('CDS', '', { initialResourceVersions: { a: '1' } }), [
    'send CDS a@2',
    'send EDS a@1',
  ]);
});

test('on a reconnect a removed cluster is told only after the listeners are known and accepted', () => {
  const proxy = new Delta(aSnapshot(2, { ...full, LDS: 'l@2' }));
  assert.deepEqual(proxy.ask('CDS', '', { initialResourceVersions: { a: '1', gone: '1' } }), ['send CDS']);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2']);
  assert.deepEqual(proxy.ask('LDS', '', { initialResourceVersions: { l: '1' } }), ['send LDS l@2']);
  assert.deepEqual(proxy.ack('LDS'), ['accepted LDS g2', 'send CDS -gone']);
});

test('a proxy without dynamic listeners is told of a removed cluster with the next snapshot', () => {
  const proxy = new Delta(aSnapshot(2, { CDS: 'a@1' }));
  proxy.ask('CDS', '', { initialResourceVersions: { gone: '1' } });
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2']);
  assert.deepEqual(proxy.snapshot(3, { CDS: 'a@1' }), ['send CDS -gone']);
});

test('a refused response is remembered and not sent again before its content changes', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, LDS: 'l@2 m@1' }), ['send LDS l@2 m@1', 'send RDS l@1']);
  assert.deepEqual(proxy.nack('LDS', 'bad'), ['refused LDS g2 l m: bad']);
  assert.deepEqual(proxy.snapshot(3, { ...full, LDS: 'l@2 m@1' }), []);
  assert.deepEqual(proxy.snapshot(4, { ...full, LDS: 'l@3 m@1' }), ['send LDS l@3']);
  assert.deepEqual(proxy.ack('RDS'), ['accepted RDS g2', 'send RDS l@1']);
  assert.deepEqual(proxy.ack('RDS'), ['accepted RDS g4']);
  // m is still refused.
  assert.deepEqual(proxy.ack('LDS'), ['accepted LDS g4']);
  assert.equal(proxy.state.appliedGeneration, 1);
});

test('subscriptions count even when the nonce is stale', () => {
  const proxy = warmed({ ...full, EDS: 'a@1 b@1' });
  assert.deepEqual(proxy.ask('EDS', 'b', { responseNonce: 'stale' }), ['send EDS b@1']);
});

test('responses are accepted by their nonce, in whatever order', () => {
  const proxy = new Delta(aSnapshot(1, { EDS: 'a@1 b@1' }));
  proxy.ask('EDS', 'a');
  const first = proxy.nonce('EDS');
  proxy.ask('EDS', 'b');
  assert.deepEqual(proxy.ack('EDS'), ['accepted EDS g1']);
  assert.deepEqual(proxy.ack('EDS', first), ['accepted EDS g1', 'applied g1']);
  assert.deepEqual(proxy.ack('EDS', first), []);
});

test('a dropped name is no longer sent', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.ask('EDS', '-a'), []);
  assert.deepEqual(proxy.snapshot(2, { ...full, EDS: 'a@2' }), ['applied g2']);
});

test('a name that is dropped while all are wanted is told, so that the proxy knows whether it keeps it', () => {
  const proxy = new Delta(aSnapshot(1, { CDS: 'a@1 b@1' }));
  proxy.ask('CDS', '* a missing');
  proxy.ack('CDS');
  assert.deepEqual(proxy.ask('CDS', '-a -missing'), ['send CDS a@1 -missing']);
});

test('without * only the names are left', () => {
  const proxy = new Delta(aSnapshot(1, { CDS: 'a@1 b@1' }));
  proxy.ask('CDS', '* a');
  proxy.ack('CDS');
  assert.deepEqual(proxy.ask('CDS', '-*'), []);
  assert.deepEqual(proxy.snapshot(2, { CDS: 'a@2 b@2' }), ['send CDS a@2']);
});

test('a later * adds what was not told yet', () => {
  const proxy = new Delta(aSnapshot(1, { EDS: 'a@1 b@1' }));
  proxy.ask('EDS', 'a');
  proxy.ack('EDS');
  assert.deepEqual(proxy.ask('EDS', '*'), ['send EDS b@1']);
});

test('changes go out as clusters, endpoints, listeners, routes; removals follow when their users are accepted', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { CDS: 'b@1', EDS: 'b@1', LDS: 'm@1', RDS: 'm@1' }), [
    'send CDS b@1',
    'send LDS m@1 -l',
  ]);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2']);
  assert.deepEqual(proxy.ask('EDS', 'b'), ['send EDS b@1']);
  assert.deepEqual(proxy.ack('EDS'), ['accepted EDS g2']);
  assert.deepEqual(proxy.ask('RDS', 'm'), ['send RDS m@1']);
  assert.deepEqual(proxy.ack('RDS'), ['accepted RDS g2']);
  assert.deepEqual(proxy.ack('LDS'), ['accepted LDS g2', 'send RDS -l']);
  assert.deepEqual(proxy.ack('RDS'), ['accepted RDS g2', 'send CDS -a']);
  assert.deepEqual(proxy.ask('EDS', '-a'), []);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2', 'applied g2']);
});

test('endpoints of an updated cluster are sent again right behind it, once', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, CDS: 'a@2' }), ['send CDS a@2', 'send EDS a@1']);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2']);
  assert.deepEqual(proxy.ack('EDS'), ['accepted EDS g2', 'applied g2']);
});

test('a slow proxy gets the latest content, not everything in between', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, EDS: 'a@2' }), ['send EDS a@2']);
  assert.deepEqual(proxy.snapshot(3, { ...full, EDS: 'a@3' }), []);
  assert.deepEqual(proxy.snapshot(4, { ...full, EDS: 'a@2' }), []);
  assert.deepEqual(proxy.ack('EDS'), ['accepted EDS g2', 'applied g4']);
});

test('a type that is not among the known ones is answered like any other', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.ask('SDS', 's'), ['send SDS -s']);
});

test('routes that are asked for while newer clusters wait are answered when those have gone out', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, CDS: 'a@2' });
  proxy.snapshot(3, { ...full, CDS: 'a@2 b@1', RDS: 'l@1 m@1' });
  assert.deepEqual(proxy.ask('RDS', 'm'), []);
  assert.deepEqual(proxy.ack('CDS'), ['accepted CDS g2', 'send CDS b@1', 'send RDS m@1']);
});

test('a removal that was refused is told again with the next change', () => {
  const proxy = warmed({ ...full, LDS: 'l@1 m@1' });
  assert.deepEqual(proxy.snapshot(2, full), ['send LDS -m']);
  assert.deepEqual(proxy.nack('LDS'), ['refused LDS g2 m: no']);
  assert.deepEqual(proxy.snapshot(3, { ...full, LDS: 'l@2' }), ['send LDS l@2 -m', 'send RDS l@1']);
  proxy.ack('RDS');
  assert.deepEqual(proxy.ack('LDS'), ['accepted LDS g3', 'applied g3']);
});
