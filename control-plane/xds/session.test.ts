import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSnapshot, Sotw, type Contents } from './testing/drive.ts';

const full = { CDS: 'a@1', EDS: 'a@1', LDS: 'l@1', RDS: 'l@1' };

/** A proxy that has accepted everything of generation 1. */
function warmed(contents: Contents = full): Sotw {
  const proxy = new Sotw(aSnapshot(1, contents));
  proxy.ask('CDS', '');
  proxy.ack('CDS', '');
  proxy.ask('EDS', 'a');
  proxy.ack('EDS', 'a');
  proxy.ask('LDS', '');
  proxy.ack('LDS', '');
  proxy.ask('RDS', 'l');
  proxy.ack('RDS', 'l');
  return proxy;
}

test('an empty first request for clusters or listeners means all; for endpoints it means none', () => {
  const proxy = new Sotw(aSnapshot(1, { ...full, EDS: 'a@1 b@1' }));
  assert.deepEqual(proxy.ask('CDS', ''), ['send CDS a@1']);
  assert.deepEqual(proxy.ask('LDS', ''), ['send LDS l@1']);
  assert.deepEqual(proxy.ask('EDS', ''), ['send EDS']);
});

test('an explicit * means all of any type', () => {
  const proxy = new Sotw(aSnapshot(1, { EDS: 'a@1 b@1' }));
  assert.deepEqual(proxy.ask('EDS', '*'), ['send EDS a@1 b@1']);
});

test('once names were given, an empty list means nothing', () => {
  const proxy = new Sotw(aSnapshot(1, { CDS: 'a@1 b@1' }));
  assert.deepEqual(proxy.ask('CDS', '* a'), ['send CDS a@1 b@1']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g1', 'applied g1']);
  assert.deepEqual(proxy.snapshot(2, { CDS: 'a@2 b@2' }), ['applied g2']);
});

test('a legacy "all" ends when names are given', () => {
  const proxy = new Sotw(aSnapshot(1, { CDS: 'a@1 b@1' }));
  assert.deepEqual(proxy.ask('CDS', ''), ['send CDS a@1 b@1']);
  proxy.ack('CDS', '');
  assert.deepEqual(proxy.ack('CDS', 'a'), ['send CDS a@1']);
  proxy.ack('CDS', 'a');
  assert.deepEqual(proxy.snapshot(2, { CDS: 'a@1 b@2' }), ['applied g2']);
});

test('an accepted response is not answered', () => {
  const proxy = new Sotw(aSnapshot(1, full));
  proxy.ask('CDS', '');
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g1']);
  assert.deepEqual(proxy.ack('CDS', ''), []);
});

test('a generation is applied when all is accepted, and not before the listeners were asked for', () => {
  const proxy = new Sotw(aSnapshot(1, full));
  proxy.ask('CDS', '');
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g1']);
  proxy.ask('LDS', '');
  assert.deepEqual(proxy.ack('LDS', ''), ['accepted LDS g1', 'applied g1']);
});

test('a refused response is remembered and not sent again before its content changes', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, CDS: 'a@2' }), ['send CDS a@2']);
  assert.deepEqual(proxy.nack('CDS', '', 'bad cluster'), ['refused CDS g2 a: bad cluster']);
  assert.deepEqual(proxy.snapshot(3, { ...full, CDS: 'a@2' }), []);
  assert.equal(proxy.state.appliedGeneration, 1);
  assert.deepEqual(proxy.snapshot(4, { ...full, CDS: 'a@3' }), ['send CDS a@3']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g4', 'applied g4']);
});

test('after a refusal the return to the accepted content is sent, so that the proxy is known to be good again', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, CDS: 'a@2' });
  proxy.nack('CDS', '');
  assert.deepEqual(proxy.snapshot(3, full), ['send CDS a@1']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g3', 'applied g3']);
});

test('a stale nonce is ignored, names and all', () => {
  const proxy = warmed({ ...full, EDS: 'a@1 b@1' });
  const stale = proxy.nonce('EDS');
  proxy.snapshot(2, { ...full, EDS: 'a@2 b@1' });
  assert.deepEqual(proxy.ask('EDS', 'a b', { responseNonce: stale }), []);
  assert.deepEqual(proxy.ack('EDS', 'a b'), ['accepted EDS g2', 'send EDS a@2 b@1']);
});

test('an empty nonce is always answered', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.ask('CDS', ''), ['send CDS a@1']);
});

test('a type that this stream has not seen is answered, whatever nonce of an older stream it carries', () => {
  const proxy = new Sotw(aSnapshot(1, full));
  assert.deepEqual(proxy.ask('EDS', 'a', { responseNonce: 'old', versionInfo: 'v' }), ['send EDS a@1']);
});

test('added names are answered even when the version is equal', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.ack('EDS', 'a missing'), ['send EDS a@1']);
});

test('removed names alone are not answered', () => {
  const proxy = new Sotw(aSnapshot(1, { EDS: 'a@1 b@1' }));
  proxy.ask('EDS', 'a b');
  proxy.ack('EDS', 'a b');
  assert.deepEqual(proxy.ack('EDS', 'a'), []);
  assert.deepEqual(proxy.snapshot(2, { EDS: 'a@1 b@2' }), ['applied g2']);
});

test('endpoints are answered once on a plain acceptance after their cluster was sent again', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, CDS: 'a@2' }), ['send CDS a@2']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['send EDS a@1']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g2']);
  assert.deepEqual(proxy.ack('EDS', 'a'), []);
});

test('endpoints that are pushed right behind their cluster are not answered a second time', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, CDS: 'a@2', EDS: 'a@2' }), ['send CDS a@2', 'send EDS a@2']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g2']);
});

test('routes are answered once after their listener was sent again', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, LDS: 'l@2' });
  assert.deepEqual(proxy.ack('RDS', 'l'), ['send RDS l@1']);
  assert.deepEqual(proxy.ack('RDS', 'l'), ['accepted RDS g2']);
});

test('on a reconnect where endpoints are asked for before clusters, they are answered again for warming', () => {
  const proxy = new Sotw(aSnapshot(1, full));
  assert.deepEqual(proxy.ask('EDS', 'a', { responseNonce: 'old' }), ['send EDS a@1']);
  assert.deepEqual(proxy.ask('CDS', '', { responseNonce: 'old' }), ['send CDS a@1']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g1', 'send EDS a@1']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g1']);
});

test('changes go out as clusters, endpoints, listeners, routes, secrets', () => {
  const proxy = warmed({ ...full, SDS: 's@1' });
  proxy.ask('SDS', 's');
  proxy.ack('SDS', 's');
  assert.deepEqual(proxy.snapshot(2, { RDS: 'l@2', LDS: 'l@2', SDS: 's@2', EDS: 'a@2', CDS: 'a@2' }), [
    'send CDS a@2',
    'send EDS a@2',
    'send LDS l@2',
    'send RDS l@2',
    'send SDS s@2',
  ]);
});

test('a removed cluster stays until the listeners and routes that used it are accepted', () => {
  const proxy = warmed();
  const next = { CDS: 'b@1', EDS: 'b@1', LDS: 'l@2', RDS: 'l@2' };
  assert.deepEqual(proxy.snapshot(2, next), ['send CDS b@1 a@1', 'send LDS l@2', 'send RDS l@2']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g2']);
  assert.deepEqual(proxy.ack('EDS', 'a b'), ['send EDS b@1']);
  assert.deepEqual(proxy.ack('LDS', ''), ['accepted LDS g2']);
  assert.deepEqual(proxy.ack('RDS', 'l'), ['accepted RDS g2', 'send CDS b@1']);
  assert.deepEqual(proxy.ack('EDS', 'b'), ['accepted EDS g2']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g2', 'applied g2']);
});

test('a refused listener keeps the clusters that it may use', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, CDS: 'b@1', LDS: 'l@2' });
  proxy.ack('CDS', '');
  assert.deepEqual(proxy.nack('LDS', ''), ['refused LDS g2 l: no']);
  assert.deepEqual(proxy.snapshot(3, { ...full, CDS: 'b@1', LDS: 'l@3' }), ['send LDS l@3']);
  assert.deepEqual(proxy.ack('LDS', ''), ['accepted LDS g3', 'send CDS b@1']);
});

test('a missing listener is deleted by its absence at once', () => {
  const proxy = warmed({ ...full, LDS: 'l@1 m@1' });
  assert.deepEqual(proxy.snapshot(2, full), ['send LDS l@1']);
});

test('endpoints that are gone are not told: the proxy drops them with their cluster', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, EDS: '' }), ['applied g2']);
  assert.deepEqual(proxy.snapshot(3, full), ['send EDS a@1']);
});

test('a slow proxy gets the latest content, not everything in between', () => {
  const proxy = warmed();
  assert.deepEqual(proxy.snapshot(2, { ...full, EDS: 'a@2' }), ['send EDS a@2']);
  assert.deepEqual(proxy.snapshot(3, { ...full, EDS: 'a@3' }), []);
  assert.deepEqual(proxy.snapshot(4, { ...full, EDS: 'a@4' }), []);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g2', 'send EDS a@4']);
  assert.deepEqual(proxy.ack('EDS', 'a'), ['accepted EDS g4', 'applied g4']);
});

test('listeners and routes wait while newer clusters wait', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, CDS: 'a@2' });
  assert.deepEqual(proxy.snapshot(3, { ...full, CDS: 'a@2 b@1', RDS: 'l@2' }), []);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g2', 'send CDS a@2 b@1', 'send RDS l@2']);
});

test('a proxy that does not answer in time is not waited for', () => {
  const proxy = warmed();
  proxy.snapshot(2, { ...full, CDS: 'a@2' });
  proxy.snapshot(3, { ...full, CDS: 'a@3', RDS: 'l@2' });
  assert.deepEqual(proxy.overdue('CDS'), ['send CDS a@3', 'send RDS l@2']);
  assert.deepEqual(proxy.ack('RDS', 'l'), ['accepted RDS g3']);
  assert.deepEqual(proxy.ack('CDS', ''), ['accepted CDS g3', 'applied g3']);
});

test('a type of which the server has nothing is answered as empty', () => {
  const proxy = new Sotw(aSnapshot(1, full));
  assert.deepEqual(proxy.ask('SDS', 's'), ['send SDS']);
});

test('a name that is asked for with several others of the listener type answers with all of them', () => {
  const proxy = new Sotw(aSnapshot(1, { LDS: 'client@1 server@1 other@1' }));
  assert.deepEqual(proxy.ask('LDS', 'client'), ['send LDS client@1']);
  assert.deepEqual(proxy.ack('LDS', 'client server'), ['accepted LDS g1', 'send LDS client@1 server@1']);
});
