/** The translation under `compat: istio` against what Istio sent: the same names, chains, routes and policies. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { readCase } from './test-support.ts';
import { indexMesh, translate } from './translate.ts';

const folder = new URL('../../test/corpora/xds-dumps/', import.meta.url);

type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

/** What is not compared, and why: a filter, or a field. Everything else must be equal. */
const ignored: readonly Readonly<{ is: (field: string, value: Json, parent: Json) => boolean; why: string }>[] = [
  {
    is: (field, value) => field === 'metadata' && JSON.stringify(value).includes('"tulle"'),
    why: 'tells our own sidecars whose defaults hold',
  },
  {
    is: (_, value) => nameIn(value).endsWith('.rbac'),
    why: 'authorization policies are not translated yet',
  },
  {
    is: (field) => field === 'health_check_config',
    why: 'an empty message that Envoy adds to endpoints when it dumps them',
  },
  {
    is: (field, value) => field === 'health_status' && value === 'HEALTHY',
    why: 'the state that Envoy dumps for endpoints sent without one',
  },
  {
    is: (field, _, parent) => field === 'policy' && isObject(parent) && 'cluster_name' in parent,
    why: 'the default that Envoy adds to assignments when it dumps them',
  },
];

/** Istio's mesh-wide settings when the dumps were recorded. */
const mesh: Partial<MeshConfig> = {
  accessLogFile: '/dev/stdout',
  accessLogEncoding: 'JSON',
  accessLogFormat: JSON.stringify({
    rid: '%REQ(X-REQUEST-ID)%',
    flags: '%RESPONSE_FLAGS%',
    code: '%RESPONSE_CODE%',
    details: '%RESPONSE_CODE_DETAILS%',
    cluster: '%UPSTREAM_CLUSTER_RAW%',
    route: '%ROUTE_NAME%',
    attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
    upstream: '%UPSTREAM_HOST%',
    sni: '%REQUESTED_SERVER_NAME%',
    peer: '%DOWNSTREAM_PEER_URI_SAN%',
    conn: '%CONNECTION_TERMINATION_DETAILS%',
    failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
    protocol: '%PROTOCOL%',
    dst: '%DOWNSTREAM_LOCAL_ADDRESS%',
  }),
  dnsRefreshRateMs: 5000,
};

/** Where each type stands in a dump. */
const sections: readonly (readonly [typeUrl: string, section: string, path: readonly string[]])[] = [
  [typeUrls.cluster, 'dynamic_active_clusters', ['cluster']],
  [typeUrls.endpoints, 'dynamic_endpoint_configs', ['endpoint_config']],
  [typeUrls.listener, 'dynamic_listeners', ['active_state', 'listener']],
  [typeUrls.routes, 'dynamic_route_configs', ['route_config']],
];

for (const dump of [
  'match-path-client',
  'split-weights-client',
  'authz-allow-basics-server',
  'peer-mesh-modes-server',
]) {
  suite(`what Istio sent in ${dump}`, () => {
    const { resources, node } = readCase(readFileSync(new URL(`${dump}.input.yaml`, folder), 'utf8'), mesh);
    const ours = translate(indexMesh(resources), node);
    const recorded = JSON.parse(readFileSync(new URL(`${dump}.json`, folder), 'utf8')) as Json;
    const eds = [...(ours.get(typeUrls.endpoints)?.keys() ?? [])];
    for (const [typeUrl, section, path] of sections) {
      test(`${section} is what we send`, () => {
        const theirs = resourcesIn(recorded, section, path);
        const relevant = typeUrl === typeUrls.endpoints ? theirs.filter(([name]) => eds.includes(name)) : theirs;
        const sent = [...(ours.get(typeUrl) ?? [])].map(([name, message]): [string, Json] => [name, message as Json]);
        assert.deepEqual(sent.map(([name]) => name).toSorted(), relevant.map(([name]) => name).toSorted());
        for (const [name, value] of relevant) {
          assert.deepEqual(normalise(Object.fromEntries(sent)[name] ?? null), normalise(value), name);
        }
        assert.ok(relevant.length > 1);
      });
    }
  });
}

function resourcesIn(dump: Json, section: string, path: readonly string[]): [string, Json][] {
  const configs = (isObject(dump) ? dump['configs'] : []) as Json[];
  const entries = configs.flatMap((config) => (isObject(config) ? ((config[section] ?? []) as Json[]) : []));
  return entries.map((entry): [string, Json] => {
    const resource = path.reduce<Json>((value, field) => (isObject(value) ? (value[field] ?? null) : null), entry);
    assert.ok(isObject(resource));
    return [String(resource['name'] ?? resource['cluster_name']), resource];
  });
}

/** Without what is ignored, and with 64-bit integers as numbers. */
function normalise(value: Json, field = ''): Json {
  if (Array.isArray(value)) {
    return value.filter((item) => !isIgnored('', item, value)).map((item) => normalise(item));
  }
  if (isObject(value)) {
    const kept = Object.entries(value).filter(([name, item]) => !isIgnored(name, item, value));
    return Object.fromEntries(kept.map(([name, item]) => [name, normalise(item, name)]));
  }
  return field === 'host_selection_retry_max_attempts' ? Number(value) : value;
}

function isIgnored(field: string, value: Json, parent: Json): boolean {
  return ignored.some(({ is }) => is(field, value, parent));
}

function nameIn(value: Json): string {
  return isObject(value) ? String(value['name'] ?? '') : '';
}

function isObject(value: Json): value is { [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
