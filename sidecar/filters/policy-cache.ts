import type { HttpFilterOverrides } from '../snapshot/http-filter.ts';

/**
 * Compiled forms of the configurations that routes carry for a filter, by identity: a route's override is an immutable value, so it
 * is compiled when it is first met (at the latest by `checkOverrides`, when the configuration is taken in) and found again after.
 */
export class PolicyCache<Config extends object, Compiled> {
  readonly #compile: (config: Config) => Compiled;
  readonly #known = new WeakMap<Config, Compiled>();

  constructor(compile: (config: Config) => Compiled) {
    this.#compile = compile;
  }

  get(config: Config): Compiled {
    let compiled = this.#known.get(config);
    if (compiled === undefined) {
      compiled = this.#compile(config);
      this.#known.set(config, compiled);
    }
    return compiled;
  }
}

/** The most specific override of one filter; undefined if none says anything. */
export function overrideOf<K extends keyof HttpFilterOverrides>(
  overrides: readonly HttpFilterOverrides[],
  filter: K,
): HttpFilterOverrides[K] {
  for (const override of overrides) {
    const config = override[filter];
    if (config !== undefined) return config;
  }
  return undefined;
}
