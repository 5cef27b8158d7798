/** What the control plane does on Kubernetes beside serving: leadership, leases of replicas, status, roots, webhooks, missed injection. */
import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import type { ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import { leaderLease } from '#shared/kubernetes/names.ts';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { Authority } from './ca/authority.ts';
import type { Catalog } from './catalog/catalog.ts';
import { InjectionWatch } from './controllers/injection-watch.ts';
import { LeaderElector } from './controllers/leader-elector.ts';
import { defaultLeaderTiming } from './controllers/leader.ts';
import { Reconciler } from './controllers/reconciler.ts';
import { ReplicaLease } from './controllers/replica-lease.ts';
import { ReplicaWatch } from './controllers/replica-watch.ts';
import { makeReport } from './controllers/replicas.ts';
import { RootConfigMaps } from './controllers/root-config-maps.ts';
import { factsOf, Findings, statusPath } from './controllers/status/facts.ts';
import { StatusWriter } from './controllers/status/writer.ts';
import { failurePolicyFor, WebhookConfigurations } from './controllers/webhook-configurations.ts';
import type { KubernetesSettings } from './settings.ts';
import type { Proxies } from './xds/proxies.ts';

export type ControllerParts = Readonly<{
  api: ClusterApi;
  settings: KubernetesSettings;
  mesh: MeshConfig;
  catalog: Watch<Catalog>;
  proxies: Proxies;
  authority: Authority;
  injection: () => InjectionSettings;
  clock: Clock;
  random: Random;
  logger: Logger;
}>;

/** Changes of the catalog and of proxies come in bursts: what follows from them is looked at this much later. */
const quietMs = 300;

/** The controllers of one replica. All run from the start; those that write for the whole mesh wait until this replica leads. */
export class KubernetesControllers {
  readonly elector: LeaderElector;
  readonly replicas: ReplicaWatch;
  readonly webhooks: WebhookConfigurations;
  readonly roots: RootConfigMaps;
  readonly status: StatusWriter;
  readonly injection: InjectionWatch;
  readonly #parts: ControllerParts;
  readonly #lease: ReplicaLease;
  readonly #looking: Reconciler;
  readonly #unsubscribe: readonly (() => void)[];
  readonly #findings: Findings;
  #isClosing = false;

  constructor(parts: ControllerParts) {
    const { api, settings, catalog, proxies, authority, clock, random, logger } = parts;
    const { namespace, replica: me } = settings;
    const onFailure = (message: string) => logger.warn(message);
    const common = { api, clock, random, onFailure };
    this.#parts = parts;
    this.#findings = new Findings(parts.mesh);
    this.elector = new LeaderElector({ ...common, namespace, name: leaderLease, me, timing: defaultLeaderTiming });
    const isLeader = () => this.elector.isLeader.current();
    this.replicas = new ReplicaWatch({ ...common, namespace, me, isLeader, onChange: () => this.#onReplicas() });
    const report = () => makeReport(catalog.current(), proxies.list());
    this.#lease = new ReplicaLease({ ...common, namespace, me, report });
    this.webhooks = new WebhookConfigurations({ ...common, wish: () => this.#wish() });
    this.roots = new RootConfigMaps({
      ...common,
      isLeader: this.elector.isLeader,
      rootsPem: () => authority.rootsPem,
      namespaces: settings.watchNamespaces.length === 0 ? [] : [...settings.watchNamespaces, namespace],
    });
    const pathOf = (key: string) => statusPath({ key, resource: catalog.current().entries.get(key)?.resource ?? null });
    this.status = new StatusWriter({ api, clock, pathOf, isLeader, onFailure });
    this.injection = new InjectionWatch({
      api,
      catalog,
      settings: parts.injection,
      isLeader,
      repairs: settings.repairsInjection,
      canInject: () => this.webhooks.view().some(({ name, isTrusted }) => name === 'tulle-injector' && isTrusted),
      clock,
      log: (level, message) => logger[level](message),
    });
    this.#looking = new Reconciler({ ...common, name: 'status', work: () => this.#look(), quietMs });
    this.#unsubscribe = this.#subscribe();
  }

  start(): void {
    this.elector.start();
    this.#lease.start();
    this.replicas.start();
    if (this.#parts.settings.webhooks !== null) this.webhooks.start();
    this.roots.start();
    this.injection.start();
  }

  /** Leaves in good order: the others count without this replica before it gives up leading. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([this.#looking.close(), this.injection.close()]);
    await this.status.close();
    await this.#lease.close();
    await this.#leaveWebhooks();
    this.replicas.close();
    await Promise.all([this.webhooks.close(), this.roots.close()]);
    await this.elector.close();
  }

  /** Healthy replicas, this one among them while it does not end. */
  healthyCount(): number {
    return this.replicas.others().length + (this.#isClosing ? 0 : 1);
  }

  #subscribe(): readonly (() => void)[] {
    const { catalog, proxies, authority } = this.#parts;
    const look = () => this.#looking.trigger();
    return [
      catalog.subscribe(look),
      proxies.revision.subscribe(look),
      authority.keys.subscribe(() => {
        this.webhooks.changed();
        this.roots.changed();
      }),
      this.elector.isLeader.subscribe((leads) => this.#onLeadership(leads)),
    ];
  }

  #onLeadership(leads: boolean): void {
    this.#parts.logger.info({ leads }, leads ? 'this replica leads' : 'this replica does not lead any more');
    this.status.reset();
    this.webhooks.changed();
    this.#looking.trigger();
  }

  #onReplicas(): void {
    this.webhooks.changed();
    this.#looking.trigger();
  }

  async #look(): Promise<void> {
    const { catalog, proxies } = this.#parts;
    this.#lease.changed();
    if (!this.elector.isLeader.current()) return;
    const own = makeReport(catalog.current(), proxies.list());
    const reports = [own, ...this.replicas.others().map(({ report }) => report)];
    this.status.tell(factsOf(catalog.current(), this.#findings.of(catalog.current()), reports));
  }

  #wish() {
    const failurePolicy = this.elector.isLeader.current() ? failurePolicyFor(this.healthyCount()) : null;
    return { rootsPem: this.#parts.authority.rootsPem, failurePolicy };
  }

  async #leaveWebhooks(): Promise<void> {
    try {
      await this.webhooks.mendNow();
    } catch (error) {
      this.#parts.logger.warn({ error }, 'the failure policy of the webhooks stays as it was');
    }
  }
}
