import { problem, type Problem } from '#shared/runtime/result.ts';
import { isObject, jsonObject } from './values.ts';

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = 'ISTIO_META_';
const jsonPrefix = 'ISTIO_METAJSON_';
const staticLabels = 'ISTIO_METAJSON_LABELS';

/**
 * What the environment adds to the metadata of the node, as Istio's agent reads it (`GetNodeMetaData` in its pkg/bootstrap/config.go):
 * `ISTIO_META_X` is X, as text, also where its text is JSON (`POD_PORTS`); each `ISTIO_METAJSON_*` is an object whose members are taken.
 * `ISTIO_META_*` of ProxyConfig's `proxyMetadata` count where the environment does not say.
 */
export function nodeMetadata(
  environment: Environment,
  proxyConfig: Readonly<Record<string, unknown>>,
  problems: Problem[],
): Readonly<Record<string, unknown>> {
  const { proxyMetadata } = proxyConfig;
  const found: Record<string, unknown> = {};
  const take = (pairs: Readonly<Record<string, unknown>>) => {
    for (const [name, value] of Object.entries(pairs)) {
      if (name.startsWith(prefix) && name.length > prefix.length && value !== undefined)
        found[name.slice(prefix.length)] = value;
    }
  };
  if (isObject(proxyMetadata)) take(proxyMetadata);
  take(environment);
  for (const [name, text] of Object.entries(environment)) {
    if (name.startsWith(jsonPrefix) && name !== staticLabels) Object.assign(found, jsonObject(name, text, problems));
  }
  return found;
}

/** Labels that do not stand in the pod's metadata (`ISTIO_METAJSON_LABELS`). */
export function extraLabels(environment: Environment, problems: Problem[]): Readonly<Record<string, string>> {
  const labels = Object.entries(jsonObject(staticLabels, environment[staticLabels], problems) ?? {});
  const wrong = labels.filter(([, value]) => typeof value !== 'string').map(([key]) => key);
  if (wrong.length > 0) problems.push(problem(staticLabels, `${wrong.join(', ')}: not text`));
  return Object.fromEntries(labels.map(([key, value]) => [key, String(value)]));
}
