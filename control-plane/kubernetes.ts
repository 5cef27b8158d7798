/**
 * The control plane on Kubernetes, put together: the connection, the source, the shared keys, the webhooks and the controllers. Loaded
 * only there, for the client library is large. `app.ts` builds the rest and knows no cluster.
 */
import type { ClusterView } from '#shared/admin/views.ts';
import { clusterApi, type ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import { connectKubernetes } from '#shared/kubernetes/connect.ts';
import { controlPlaneName } from '#shared/kubernetes/names.ts';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Registry } from 'prom-client';
import { systemNamespaces, validateReview } from './admission/validate.ts';
import type { Attestor } from './ca/attestors/attestor.ts';
import { kubernetesTokenAttestor, tokenReviewer } from './ca/attestors/kubernetes-token.ts';
import { openSharedKeys, type SharedKeys } from './ca/shared-keys.ts';
import type { Catalog } from './catalog/catalog.ts';
import { NativeSidecars } from './controllers/native-sidecars.ts';
import type { Identity } from './identity.ts';
import { injectionWebhook } from './injector/webhook.ts';
import { KubernetesControllers } from './kubernetes-controllers.ts';
import { InjectionSource } from './kubernetes-injection.ts';
import { registerKubernetesMetrics, WebhookCounts } from './kubernetes-metrics.ts';
import type { KubernetesSettings } from './settings.ts';
import { KubernetesSource } from './sources/kubernetes/kubernetes-source.ts';
import { registerSourceMetrics } from './sources/kubernetes/metrics.ts';
import { startWebhookServer, type WebhookServer } from './webhooks/server.ts';
import type { Proxies } from './xds/proxies.ts';

/** The parts that the rest of the control plane has. */
export type ServedParts = Readonly<{
  catalog: Watch<Catalog>;
  proxies: Proxies;
  identity: Identity;
  /** What is awaited before reviews can be answered. */
  awaited: () => readonly string[];
}>;

/** The mesh's settings, read, and as the document that they were read from. */
export type MeshSettings = Readonly<{ config: MeshConfig; document: unknown }>;

const clock = systemClock;
const random = Math.random;

/** See the head of the file. `start` begins to serve and to control. */
export class KubernetesPlatform {
  readonly source: KubernetesSource;
  /** Whom our server certificate names: what sidecars and the API server call us. */
  readonly serviceNames: readonly string[];
  readonly #api: ClusterApi;
  readonly #settings: KubernetesSettings;
  readonly #mesh: MeshSettings;
  readonly #logger: Logger;
  readonly #injection: InjectionSource;
  readonly #native: NativeSidecars;
  readonly #counts = new WebhookCounts();
  #keys: SharedKeys | null = null;
  #controllers: KubernetesControllers | null = null;
  #server: WebhookServer | null = null;

  constructor(settings: KubernetesSettings, mesh: MeshSettings, logger: Logger) {
    const { namespace, watchNamespaces } = settings;
    const connection = connectKubernetes(settings.access);
    const log = (level: 'info' | 'warn' | 'error', message: string) => logger[level](message);
    this.#settings = settings;
    this.#mesh = mesh;
    this.#logger = logger;
    this.#api = clusterApi(connection);
    const { discoverySelectors, rootNamespace } = mesh.config;
    this.source = new KubernetesSource(connection, {
      clock,
      random,
      log,
      rootNamespace,
      watchNamespaces,
      discoverySelectors,
    });
    const host = `${controlPlaneName}.${namespace}`;
    this.serviceNames = [`${host}.svc`, host, `${host}.svc.cluster.local`];
    this.#injection = new InjectionSource({
      api: this.#api,
      namespace,
      meshDocument: mesh.document,
      clock,
      random,
      log,
    });
    this.#native = new NativeSidecars({ api: this.#api, clock, onFailure: (message) => logger.warn(message) });
  }

  /** The keys that all replicas share. */
  async openKeys(): Promise<SharedKeys> {
    this.#keys = await openSharedKeys({
      api: this.#api,
      namespace: this.#settings.namespace,
      trustDomain: this.#mesh.config.trustDomain,
      clock,
      random,
      onFailure: (message) => this.#logger.error(message),
    });
    return this.#keys;
  }

  /** Knows callers by the tokens of their service accounts. */
  attestor(): Attestor {
    const { trustDomain } = this.#mesh.config;
    return kubernetesTokenAttestor({ review: tokenReviewer(this.#api), trustDomain, clock });
  }

  async start(parts: ServedParts): Promise<void> {
    await Promise.all([this.#injection.start(), this.#native.start()]);
    this.#server = await this.#serveWebhooks(parts);
    this.#controllers = new KubernetesControllers({
      api: this.#api,
      settings: this.#settings,
      mesh: this.#mesh.config,
      catalog: parts.catalog,
      proxies: parts.proxies,
      authority: parts.identity.authority,
      injection: () => this.#injection.current(),
      clock,
      random,
      logger: this.#logger,
    });
    this.#controllers.start();
  }

  /** Where the webhooks are served; null: not at all. */
  get webhooks(): Readonly<{ host: string; port: number }> | null {
    return this.#server;
  }

  /** What the admin API tells of the cluster. */
  view(): ClusterView {
    const controllers = this.#controllers;
    const { isFresh, stale } = this.source.health();
    return {
      replica: this.#settings.replica,
      leader: controllers?.elector.holder ?? '',
      replicas: [this.#settings.replica, ...(controllers?.replicas.others() ?? []).map(({ name }) => name)],
      source: { isFresh, stale },
      webhooks: controllers?.webhooks.view() ?? [],
      missedInjection: controllers?.injection.missed() ?? [],
    };
  }

  registerMetrics(registry: Registry): void {
    registerSourceMetrics(registry, this.source);
    registerKubernetesMetrics(registry, () => this.#controllers, this.#counts);
  }

  /** Gives up what others can do instead, then stops to answer. */
  async close(): Promise<void> {
    await this.#controllers?.close();
    await this.#server?.close();
    this.#native.close();
    this.#injection.close();
    this.#keys?.close();
  }

  async #serveWebhooks({ catalog, identity, awaited }: ServedParts): Promise<WebhookServer | null> {
    const { webhooks, namespace } = this.#settings;
    if (webhooks === null) return null;
    const inject = injectionWebhook(
      () => this.#injection.current(),
      {
        namespaceOf: (name) => namespaceOf(catalog.current(), name),
        takesNativeSidecars: () => this.#native.isTaken,
      },
      (event) => this.#counts.injection(event),
    );
    const exempt = [...systemNamespaces, namespace];
    const { config: mesh } = this.#mesh;
    return await startWebhookServer({
      listen: webhooks,
      credentials: identity.serverCertificate.credentials,
      handlers: {
        '/inject': inject,
        '/validate': (review) => validateReview(review, { catalog: catalog.current(), mesh, exempt }),
      },
      awaited,
      onAnswer: (answer) => this.#counts.answer(answer),
      onFault: (message) => this.#logger.error(message),
    });
  }
}

function namespaceOf(catalog: Catalog, name: string) {
  const found = catalog.entries.get(`Namespace/default/${name}`)?.resource;
  return found === null || found === undefined
    ? null
    : { labels: found.metadata.labels, annotations: found.metadata.annotations };
}
