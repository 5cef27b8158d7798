/**
 * The two webhook configurations of the mesh kept right: the authority's roots in `caBundle` (by every replica, only where it differs, so
 * that whoever changes it or applies the manifests again sees it mended), and `failurePolicy` (by the leader). What is changed is
 * one field of one webhook each, tested by its name: two replicas that do it at once do the same.
 *
 * `Fail` holds only while at least two replicas are healthy: then a pod without its sidecar is worse than a pod that waits. Else
 * `Ignore`, so that a control plane that is down never keeps a cluster from starting pods, its own among them.
 */
import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FollowedObjects } from '#shared/kubernetes/follow-objects.ts';
import { injectorWebhook, validatorWebhook } from '#shared/kubernetes/names.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import { Reconciler } from './reconciler.ts';

export type FailurePolicy = 'Fail' | 'Ignore';

/** What each of our webhooks is to have; null: the failure policy is another's business. */
export type WebhookWish = Readonly<{ rootsPem: string; failurePolicy: FailurePolicy | null }>;

type JsonPatch = readonly Readonly<{ op: string; path: string; value: unknown }>[];

/** The patch of a configuration; empty where it is as it should be. */
export function patchOfConfiguration(configuration: ClusterObject, wish: WebhookWish): JsonPatch {
  const caBundle = Buffer.from(wish.rootsPem).toString('base64');
  const webhooks = Array.isArray(configuration['webhooks']) ? (configuration['webhooks'] as readonly unknown[]) : [];
  return webhooks.flatMap((webhook, index): JsonPatch => {
    // As the API server sends them; it has checked that they have names and clients.
    const { name, clientConfig, failurePolicy } = webhook as Webhook;
    const at = `/webhooks/${index}`;
    const changes = [
      ...(clientConfig.caBundle === caBundle ? [] : [add(`${at}/clientConfig/caBundle`, caBundle)]),
      ...(wish.failurePolicy === null || wish.failurePolicy === failurePolicy
        ? []
        : [add(`${at}/failurePolicy`, wish.failurePolicy)]),
    ];
    return changes.length === 0 ? [] : [{ op: 'test', path: `${at}/name`, value: name }, ...changes];
  });
}

/** `Fail` with two healthy replicas or more, else `Ignore` (SEMANTICS: webhook deadlocks). */
export function failurePolicyFor(healthyReplicas: number): FailurePolicy {
  return healthyReplicas >= 2 ? 'Fail' : 'Ignore';
}

type Webhook = Readonly<{ name: string; clientConfig: Readonly<{ caBundle?: string }>; failurePolicy?: string }>;

const add = (path: string, value: unknown) => ({ op: 'add', path, value });

export type WebhookConfigurationsOptions = Readonly<{
  api: ClusterApi;
  wish: () => WebhookWish;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

const registration = '/apis/admissionregistration.k8s.io/v1';
const configurations = [
  { path: `${registration}/mutatingwebhookconfigurations`, name: injectorWebhook.name },
  { path: `${registration}/validatingwebhookconfigurations`, name: validatorWebhook.name },
] as const;

/** Follows both configurations and mends them. */
export class WebhookConfigurations {
  readonly #options: WebhookConfigurationsOptions;
  readonly #mending: Reconciler;
  readonly #followed = new Map<string, FollowedObjects>();
  #isClosed = false;

  constructor(options: WebhookConfigurationsOptions) {
    const { clock, random, onFailure } = options;
    this.#options = options;
    this.#mending = new Reconciler({ name: 'webhooks', work: () => this.#mend(), clock, random, onFailure });
  }

  /** Each is mended as soon as it is known; that one cannot be read keeps nothing else waiting. */
  start(): void {
    for (const { path, name } of configurations) void this.#follow(path, name);
  }

  /** To be called when what is wished may have changed. */
  changed(): void {
    this.#mending.trigger();
  }

  /** Mends at once, for who is about to end. */
  async mendNow(): Promise<void> {
    await this.#mend();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const followed of this.#followed.values()) followed.close();
    await this.#mending.close();
  }

  /** What the configurations say now, for metrics and the admin API. */
  view(): readonly Readonly<{ name: string; failurePolicies: readonly string[]; isTrusted: boolean }>[] {
    const { rootsPem } = this.#options.wish();
    return this.#current().map(({ object }) => ({
      name: object.metadata.name,
      failurePolicies: [
        ...new Set(((object['webhooks'] ?? []) as readonly Webhook[]).map(({ failurePolicy }) => failurePolicy ?? '')),
      ],
      isTrusted: patchOfConfiguration(object, { rootsPem, failurePolicy: null }).length === 0,
    }));
  }

  async #follow(path: string, name: string): Promise<void> {
    const { api, clock, random, onFailure } = this.#options;
    const selection = { fieldSelector: `metadata.name=${name}` };
    const followed = await FollowedObjects.start({ api, path, selection, clock, random, onFailure });
    if (this.#isClosed) return followed.close();
    this.#followed.set(path, followed);
    followed.objects.subscribe(() => this.#mending.trigger());
    this.#mending.trigger();
  }

  #current(): readonly Readonly<{ path: string; object: ClusterObject }>[] {
    return [...this.#followed].flatMap(([path, followed]) =>
      [...followed.objects.current().values()].map((object) => ({ path, object })),
    );
  }

  async #mend(): Promise<void> {
    const { api, wish } = this.#options;
    for (const { path, object } of this.#current()) {
      const patch = patchOfConfiguration(object, wish());
      if (patch.length > 0) await api.patch(`${path}/${object.metadata.name}`, { kind: 'json', patch });
    }
  }
}
