/** The routes of the admin API as functions from a request to an answer; `server.ts` does the sockets. */
import { resourceKey } from '#shared/model/resource.ts';
import type { Problem, Result } from '#shared/runtime/result.ts';
import type { CatalogEntry } from '../catalog/catalog.ts';
import type { AdminBackend } from './api.ts';

export type AdminRequest = Readonly<{
  method: string;
  path: string;
  query: URLSearchParams;
  body: string;
  mayChange: boolean;
}>;
export type AdminAnswer = Readonly<{ status: number; body: unknown; contentType?: string | undefined }>;

type Handler = (
  backend: AdminBackend,
  request: AdminRequest,
  parameters: readonly string[],
) => AdminAnswer | Promise<AdminAnswer>;
type Route = Readonly<{ method: string; pattern: RegExp; changes: boolean; handle: Handler }>;

const json = (body: unknown, status = 200): AdminAnswer => ({ status, body });
const problemAnswer = (status: number, title: string, problems: readonly Problem[] = []): AdminAnswer =>
  json({ title, status, problems }, status);

function resultAnswer<T>(result: Result<T>, title: string): AdminAnswer {
  return result.ok ? json(result.value) : problemAnswer(400, title, result.problems);
}

function entryView(backend: AdminBackend, entry: CatalogEntry) {
  const [kind, namespace, name] = entry.key.split('/');
  return {
    key: entry.key,
    kind,
    namespace,
    name,
    apiVersion: entry.resource?.apiVersion ?? '',
    generation: entry.generation,
    inForce: entry.resource !== null,
    source: entry.origin.source,
    file: entry.origin.file,
    line: entry.origin.line,
    problems: entry.problems,
    warnings: entry.warnings,
    distribution: backend.distribution(entry.key),
  };
}

const listResources: Handler = (backend, request) => {
  const kind = request.query.get('kind')?.toLowerCase() ?? '';
  const namespace = request.query.get('namespace') ?? '';
  const catalog = backend.catalog();
  const items = [...catalog.entries.values()]
    .map((entry) => entryView(backend, entry))
    .filter(
      (item) =>
        (kind === '' || item.kind?.toLowerCase() === kind) && (namespace === '' || item.namespace === namespace),
    );
  const files = [...catalog.fileProblems].map(([file, problems]) => ({ file, problems }));
  return json({ generation: catalog.generation, items, files });
};

const getResource: Handler = (backend, _request, [kind = '', namespace = '', name = '']) => {
  const key = resourceKey({ kind, metadata: { namespace, name } });
  const entry = backend.catalog().entries.get(key);
  if (entry === undefined) return problemAnswer(404, `there is no ${key}`);
  return json({ ...entryView(backend, entry), resource: entry.resource });
};

const getProxyConfig: Handler = (backend, _request, [id = '']) => {
  const config = backend.proxyConfig(decodeURIComponent(id));
  return config === null ? problemAnswer(404, `no proxy ${id} is connected`) : json(config);
};

const getCluster: Handler = (backend) => {
  const cluster = backend.cluster();
  return cluster === null ? problemAnswer(404, 'this control plane is not on Kubernetes') : json(cluster);
};

const ready: Handler = (backend) =>
  backend.isReady() ? json({ ready: true }) : json({ ready: false, awaited: backend.awaited() }, 503);

const applyDocuments: Handler = async (backend, request) =>
  resultAnswer(
    await backend.apply(request.body, { dryRun: request.query.get('dryRun') === 'true' }),
    'the documents are refused',
  );

const removeResource: Handler = async (backend, _request, [kind = '', namespace = '', name = '']) => {
  const removed = await backend.remove(resourceKey({ kind, metadata: { namespace, name } }));
  return removed.ok ? json({ key: removed.value }) : problemAnswer(400, 'not deleted', removed.problems);
};

const makeToken: Handler = async (backend, request) => {
  const fields: unknown = request.body === '' ? {} : JSON.parse(request.body);
  const { namespace, serviceAccount, ttlMs } = (fields ?? {}) as Record<string, unknown>;
  if (typeof namespace !== 'string' || typeof serviceAccount !== 'string') {
    return problemAnswer(400, 'namespace and serviceAccount must be strings');
  }
  const request_ = { namespace, serviceAccount, ttlMs: typeof ttlMs === 'number' ? ttlMs : 3_600_000 };
  return resultAnswer(await backend.token(request_), 'no token');
};

const read = (pattern: string, handle: Handler): Route => ({
  method: 'GET',
  pattern: toPattern(pattern),
  changes: false,
  handle,
});
const change = (method: string, pattern: string, handle: Handler): Route => ({
  method,
  pattern: toPattern(pattern),
  changes: true,
  handle,
});
const toPattern = (pattern: string) => new RegExp(`^${pattern.replaceAll(/:[a-z]+/g, '([^/]+)')}$`);

const routes: readonly Route[] = [
  read('/live', () => json({ live: true })),
  read('/ready', ready),
  read('/version', (backend) => json({ version: backend.version, node: process.version })),
  read('/metrics', async (backend) => ({
    status: 200,
    body: await backend.metrics(),
    contentType: 'text/plain; version=0.0.4',
  })),
  read('/api/v1/resources', listResources),
  read('/api/v1/resources/:kind/:namespace/:name', getResource),
  read('/api/v1/proxies', (backend) => json({ generation: backend.catalog().generation, items: backend.proxies() })),
  read('/api/v1/proxies/:id/config', getProxyConfig),
  read('/api/v1/certificates', (backend) => json(backend.certificates())),
  read('/api/v1/cluster', getCluster),
  change('PUT', '/api/v1/resources', applyDocuments),
  change('DELETE', '/api/v1/resources/:kind/:namespace/:name', removeResource),
  change('POST', '/api/v1/tokens', makeToken),
];

/** Answers one request. */
export async function answer(backend: AdminBackend, request: AdminRequest): Promise<AdminAnswer> {
  const matching = routes.flatMap((route) => {
    const match = route.pattern.exec(request.path);
    return match === null ? [] : [{ route, parameters: match.slice(1) }];
  });
  if (matching.length === 0) return problemAnswer(404, `there is nothing at ${request.path}`);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const found = matching.find(({ route }) => route.method === method);
  if (found === undefined) {
    return problemAnswer(
      405,
      `${request.method} is not possible here, only ${matching.map(({ route }) => route.method).join(', ')}`,
    );
  }
  if (found.route.changes && !request.mayChange) {
    return problemAnswer(
      403,
      'changes go by the unix socket admin.sock in the data directory, or with the key of admin.key as bearer token',
    );
  }
  return found.route.handle(backend, request, found.parameters);
}
