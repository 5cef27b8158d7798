/**
 * Envoy bootstrap files: the node, the admin address and static listeners and clusters, in YAML or JSON. What the sidecar does
 * not support is refused by name, all problems at once; one file then drives Envoy and us alike.
 */
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { encodeMessage, readTypedJson } from '#shared/xds/codec.ts';
import { packMessage, type PackedMessage } from '#shared/xds/packed.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { validateListener } from '../compile/validate.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { ListenerConfig } from '../snapshot/listener.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { decodeClusterResource, decodeListenerResource } from '../xds/decode/decode-resource.ts';
import { PartPool } from '../xds/decode/part-pool.ts';
import { decodeAddress } from '../xds/decode/endpoints.ts';
import { Reader } from '../xds/decode/reader.ts';

/** What a bootstrap file says. */
export type Bootstrap = Readonly<{
  node: Readonly<{ id: string; cluster: string }>;
  /** Null: no admin port. */
  admin: Readonly<{ address: string; port: number }> | null;
  snapshot: Snapshot;
  /** The whole file, for `/config_dump`. */
  message: PackedMessage;
}>;

const bootstrapType = 'type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap';

/** Reads the text of a bootstrap file, JSON or YAML. */
export async function parseBootstrap(text: string): Promise<Result<Bootstrap>> {
  const document = parseJson(text) ?? (await parseYaml(text));
  if (!document.ok) return document;
  const typed = readTypedJson(document.value, bootstrapType, '');
  return typed.ok ? decodeBootstrap(typed.value) : typed;
}

/** Null: it is no JSON, and perhaps YAML. */
function parseJson(text: string): Result<unknown> | null {
  try {
    return ok(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The parser is loaded here, for whom needs it: it takes 3 MB. */
async function parseYaml(text: string): Promise<Result<unknown>> {
  const { parse } = await import('yaml');
  try {
    return ok(parse(text, { maxAliasCount: 100, logLevel: 'error' }));
  } catch (error) {
    return fail([problem('', `is not YAML: ${error instanceof Error ? error.message : String(error)}`)]);
  }
}

function decodeBootstrap(message: TypedMessage): Result<Bootstrap> {
  const problems: Problem[] = [];
  const reader = new Reader(message, '', problems);
  const node = reader.message('node');
  const admin = reader.message('admin');
  const resources = reader.message('static_resources');
  const adminAddress = admin?.message('address') ?? null;
  admin?.ignore('access_log', 'access_log_path', 'profile_path', 'ignore_global_conn_limit').done();
  reader.ignore('stats_flush_interval', 'layered_runtime', 'overload_manager').done();
  const pool = new PartPool();
  const listeners = decodeEach(resources, 'listeners', decodeListenerResource, problems).map((each) =>
    pool.share(each),
  );
  const clusters = decodeEach(resources, 'clusters', decodeClusterResource, problems).map((each) => pool.share(each));
  resources?.done();
  for (const listener of listeners) problems.push(...validateListener(listener));
  checkReferences(listeners, clusters, problems);
  const bootstrap: Bootstrap = {
    node: { id: node?.string('id') ?? '', cluster: node?.string('cluster') ?? '' },
    admin: admin === null ? null : toAdmin(decodeAddress(adminAddress, admin)),
    snapshot: {
      listeners: new Map(listeners.map((listener) => [listener.name, listener])),
      clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
      routes: new Map(),
      endpoints: new Map(),
    },
    message: packMessage(bootstrapType, encodeMessage(message)),
  };
  return problems.length === 0 ? ok(bootstrap) : fail(problems);
}

const toAdmin = ({ address, port }: { address: string; port: number }) => ({ address, port });

function decodeEach<T>(
  resources: Reader | null,
  field: string,
  decode: (message: TypedMessage, path: string) => Result<T>,
  problems: Problem[],
): T[] {
  return (resources?.messages(field) ?? []).flatMap((reader) => {
    const result = decode({ '@type': '', ...reader.raw }, reader.path);
    if (result.ok) return [result.value];
    problems.push(...result.problems);
    return [];
  });
}

/** A static file has no control plane to wait for: what only ADS could bring is refused. */
function checkReferences(
  listeners: readonly ListenerConfig[],
  clusters: readonly ClusterConfig[],
  problems: Problem[],
): void {
  for (const cluster of clusters) {
    if (cluster.discovery.kind === 'eds') {
      problems.push(
        problem(
          `static_resources.clusters[${cluster.name}].type`,
          'EDS needs a control plane: use STATIC or STRICT_DNS',
        ),
      );
    }
  }
  for (const listener of listeners) {
    for (const chain of [...listener.chains, listener.defaultChain]) {
      if (chain?.handler.kind === 'http' && chain.handler.http.routes.kind === 'rds') {
        problems.push(
          problem(`static_resources.listeners[${listener.name}]`, 'rds needs a control plane: use route_config'),
        );
      }
    }
  }
}
