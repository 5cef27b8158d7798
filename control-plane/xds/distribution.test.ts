import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distributionOfGeneration, distributionOfOrigin } from './distribution.ts';
import { Proxies, type ConnectedProxy } from './proxies.ts';
import { aSnapshot, Sotw, urls } from './testing/drive.ts';

const aProxy = (id: string): ConnectedProxy => ({
  id,
  node: { id, cluster: 'c', metadata: {} },
  identity: null,
  address: '127.0.0.1:1',
  connectedSinceMs: 5,
  isDelta: false,
});

/** Three proxies at generation 2: `good` accepted it, `slow` has yet to answer, `bad` refused it. */
function threeProxies(): Proxies {
  const proxies = new Proxies();
  for (const id of ['good', 'slow', 'bad']) {
    const driver = new Sotw(aSnapshot(1, { CDS: 'a@1 b@1' }));
    const record = proxies.connect(aProxy(id), driver.state);
    driver.ask('CDS', '');
    driver.ack('CDS', '');
    driver.snapshot(2, { CDS: 'a@2 b@1' });
    if (id === 'good') driver.ack('CDS', '');
    if (id === 'bad') driver.nack('CDS', '', 'not like this');
    record.update(driver.state);
    const refused = {
      typeUrl: urls.CDS,
      nonce: '2',
      generation: 2,
      error: { code: 13, message: 'not like this' },
      names: ['a'],
    };
    if (id === 'bad') record.refuse(refused, 7);
  }
  return proxies;
}

const refusal = { proxy: 'bad', typeUrl: urls.CDS, name: 'a', message: 'not like this' };

test('tells of a generation who has it, who waits, and who refused what', () => {
  const records = threeProxies().list();
  assert.deepEqual(distributionOfGeneration(records, 2), { applied: ['good'], pending: ['slow'], refused: [refusal] });
  assert.deepEqual(distributionOfGeneration(records, 1), {
    applied: ['good', 'slow', 'bad'],
    pending: [],
    refused: [],
  });
});

test('tells of a config resource only what concerns it', () => {
  const records = threeProxies().list();
  assert.deepEqual(distributionOfOrigin(records, 'config/a'), {
    applied: ['good'],
    pending: ['slow'],
    refused: [refusal],
  });
  assert.deepEqual(distributionOfOrigin(records, 'config/b').applied, ['good', 'slow', 'bad']);
  assert.deepEqual(distributionOfOrigin(records, 'config/unknown'), { applied: [], pending: [], refused: [] });
});

test('a proxy tells what it has of each type, and its last refusal until it is made good', () => {
  const proxies = threeProxies();
  const status = proxies.find('bad')?.status();
  assert.deepEqual(status?.lastRefusal, {
    typeUrl: urls.CDS,
    message: 'not like this',
    generation: 2,
    names: ['a'],
    atMs: 7,
  });
  assert.equal(status?.appliedGeneration, 1);
  assert.equal(status?.generation, 2);
  assert.deepEqual(status?.types[0]?.refused, ['a']);
  assert.equal(proxies.find('good')?.status().lastRefusal, undefined);
  assert.equal(proxies.find('slow')?.status().types[0]?.isWaiting, true);
});

test('those who disconnect are gone, and each change moves the revision', () => {
  const proxies = threeProxies();
  const before = proxies.revision.current();
  proxies.disconnect(proxies.find('slow')!);
  assert.equal(proxies.revision.current(), before + 1);
  assert.deepEqual(
    proxies.list().map(({ proxy }) => proxy.id),
    ['good', 'bad'],
  );
});
