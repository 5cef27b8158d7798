/** How pods are injected on this cluster: the ConfigMap `tulle-injector`, followed, and the mesh's settings. */
import { defaultInjectionSettings, type InjectionSettings } from '#shared/injection/injection-settings.ts';
import { parseInjectionSettings } from '#shared/injection/parse-settings.ts';
import type { ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import { FollowedObjects } from '#shared/kubernetes/follow-objects.ts';
import { injectorConfigMap } from '#shared/kubernetes/names.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { parse as parseYaml } from 'yaml';
import packageJson from '../package.json' with { type: 'json' };

export type InjectionSourceOptions = Readonly<{
  api: ClusterApi;
  namespace: string;
  /** The document of the mesh's settings. */
  meshDocument: unknown;
  clock: Clock;
  random: Random;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
}>;

const image = `tulle/sidecar:${packageJson.version}`;

/** The settings in force. A ConfigMap that is wrong is told, and the former settings stay; without one the defaults hold. */
export class InjectionSource {
  readonly #options: InjectionSourceOptions;
  #followed: FollowedObjects | null = null;
  #settings: InjectionSettings;
  #isClosed = false;

  constructor(options: InjectionSourceOptions) {
    this.#options = options;
    this.#settings = defaultInjectionSettings(image);
  }

  current(): InjectionSettings {
    return this.#settings;
  }

  /** Resolves when the ConfigMap, or that there is none, is known. */
  async start(): Promise<void> {
    const { api, namespace, clock, random, log } = this.#options;
    const followed = await FollowedObjects.start({
      api,
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      selection: { fieldSelector: `metadata.name=${injectorConfigMap.name}` },
      clock,
      random,
      onFailure: (message) => log('warn', message),
    });
    if (this.#isClosed) return followed.close();
    this.#followed = followed;
    this.#take();
    followed.objects.subscribe(() => this.#take());
  }

  close(): void {
    this.#isClosed = true;
    this.#followed?.close();
  }

  #take(): void {
    const { namespace, meshDocument, log } = this.#options;
    const name = `ConfigMap ${namespace}/${injectorConfigMap.name}`;
    const found = this.#followed?.objects.current().get(`${namespace}/${injectorConfigMap.name}`);
    const data = found?.['data'] as Readonly<Record<string, string>> | undefined;
    try {
      const injector: unknown = parseYaml(data?.[injectorConfigMap.key] ?? '');
      const parsed = parseInjectionSettings({
        injector: injector ?? undefined,
        mesh: meshDocument ?? undefined,
        image,
      });
      if (!parsed.ok)
        return log('error', `${name} is refused, the former settings stay: ${formatProblems(parsed.problems)}`);
      this.#settings = parsed.value;
      if (parsed.warnings.length > 0) log('warn', `${name}: ${formatProblems(parsed.warnings)}`);
    } catch (error) {
      log('error', `${name} is no YAML, the former settings stay: ${describeError(error)}`);
    }
  }
}
