import { parse } from 'yaml';
import { placeholderNames, unknownPlaceholders } from './custom-template.ts';
import { fail, ok, problem, type Problem, type Result } from '../runtime/result.ts';
import { valueChecks, logLevels } from './annotation-values.ts';
import {
  defaultInjectionSettings,
  type InjectionMesh,
  type InjectionSettings,
  type ProxySettings,
} from './injection-settings.ts';
import { isJsonObject, isPod, type JsonObject, type PodFragment } from './pod.ts';
import type { LabelSelector } from '../model/label-selector.ts';
import { Field } from '../model/rules/field.ts';
import { readLabelSelector } from '../model/rules/label-selector-rules.ts';
import { Report } from '../model/rules/report.ts';
import { parseProxyConfig } from './proxy-config.ts';
import { builtInTemplates } from './template-names.ts';

/** The documents that settings are read from; each may be absent. `image` is what holds where the settings name none. */
export type SettingsSources = Readonly<{ injector?: unknown; mesh?: unknown; image: string }>;

type Check = (value: unknown) => string | null;

const text: Check = (value) => (typeof value === 'string' ? null : 'must be a text');
const texts: Check = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? null : 'must be a list of texts';
const textMap: Check = (value) =>
  isJsonObject(value) && Object.values(value).every((one) => typeof one === 'string') ? null : 'must be a map of texts';
const oneOf =
  (...known: readonly unknown[]): Check =>
  (value) =>
    known.includes(value) ? null : `must be one of ${known.map((one) => (one === '' ? '""' : String(one))).join(', ')}`;
const count: Check = (value) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 ? null : 'must be a whole number, not negative';
const port: Check = (value) =>
  count(value) === null && Number(value) <= 65_535 ? null : 'must be a port from 0 to 65535';
const object: Check = (value) => (isJsonObject(value) ? null : 'must be an object');
/** Ports and ranges may be written as one number. */
const as =
  (name: string): Check =>
  (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return 'must be a text';
    return valueChecks[name]?.(String(value)) ?? null;
  };

const rootChecks: Readonly<Record<string, Check>> = {
  policy: oneOf('enabled', 'disabled'),
  revision: text,
  defaultTemplates: texts,
  aliases: (value) =>
    isJsonObject(value) && Object.values(value).every((one) => texts(one) === null)
      ? null
      : 'must be lists of templates by name',
  injectedAnnotations: textMap,
  image: as('sidecar.istio.io/proxyImage'),
  imagePullPolicy: oneOf('', 'Always', 'IfNotPresent', 'Never'),
  imagePullSecrets: texts,
  controlPlane: (value) => (typeof value === 'string' && /^\S+:\d{1,5}$/.test(value) ? null : 'must be HOST:PORT'),
  nativeSidecars: oneOf('auto', true, false),
  clusterId: text,
  network: text,
  meshId: text,
  platform: oneOf('', 'openshift'),
  podDnsSearchNamespaces: texts,
};

const proxyChecks: Readonly<Record<keyof ProxySettings, Check>> = {
  resources: object,
  logLevel: oneOf(...Object.keys(logLevels)),
  includeInboundPorts: as('traffic.sidecar.istio.io/includeInboundPorts'),
  excludeInboundPorts: as('traffic.sidecar.istio.io/excludeInboundPorts'),
  includeOutboundPorts: as('traffic.sidecar.istio.io/includeOutboundPorts'),
  excludeOutboundPorts: as('traffic.sidecar.istio.io/excludeOutboundPorts'),
  includeIPRanges: as('traffic.sidecar.istio.io/includeOutboundIPRanges'),
  excludeIPRanges: as('traffic.sidecar.istio.io/excludeOutboundIPRanges'),
  statusPort: port,
  readinessInitialDelaySeconds: count,
  readinessPeriodSeconds: count,
  readinessFailureThreshold: count,
  startupFailureThreshold: count,
  rewriteAppHTTPProbe: oneOf(true, false),
  holdApplicationUntilProxyStarts: oneOf(true, false, null),
};

/** Read by functions of their own. */
const nested = ['proxy', 'templates', 'neverInjectSelector', 'alwaysInjectSelector'];

/** Settings over their defaults, all problems at once; a setting that nobody knows is an error by name. */
export function parseInjectionSettings({ injector, mesh, image }: SettingsSources): Result<InjectionSettings> {
  const defaults = defaultInjectionSettings(image);
  const problems: Problem[] = [];
  const root = asObject(injector, '', problems);
  for (const name of Object.keys(root)) {
    if (!(name in rootChecks) && !nested.includes(name)) problems.push(problem(name, 'is no setting of the injector'));
  }
  const settings: InjectionSettings = {
    ...defaults,
    ...(pick(root, rootChecks, '', problems) as Partial<InjectionSettings>),
    templates: readTemplates(root['templates'], problems),
    neverInjectSelector: readSelectors(root['neverInjectSelector'], 'neverInjectSelector', problems),
    alwaysInjectSelector: readSelectors(root['alwaysInjectSelector'], 'alwaysInjectSelector', problems),
    proxy: readProxy(root['proxy'], defaults.proxy, problems),
    mesh: readMesh(mesh, defaults.mesh, problems),
  };
  checkTemplateNames(settings, problems);
  const isGood = problems.every(({ severity }) => severity === 'warning');
  return isGood ? ok(settings, problems) : fail(problems);
}

/** Templates that can be asked for by name. */
export function knownTemplates({ templates, aliases }: InjectionSettings): string[] {
  return [...new Set([...builtInTemplates, ...Object.keys(templates), ...Object.keys(aliases)])];
}

function asObject(value: unknown, path: string, problems: Problem[]): JsonObject {
  if (value === undefined || value === null || isJsonObject(value)) return value ?? {};
  problems.push(problem(path, 'must be an object'));
  return {};
}

function pick(
  from: JsonObject,
  checks: Readonly<Record<string, Check>>,
  path: string,
  problems: Problem[],
): JsonObject {
  const picked: JsonObject = {};
  for (const [name, value] of Object.entries(from)) {
    const right = Object.hasOwn(checks, name) ? checks[name]?.(value) : undefined;
    if (typeof right === 'string')
      problems.push(problem(path + name, `${JSON.stringify(value)} is not valid, ${right}`));
    else if (right === null) picked[name] = value;
  }
  return picked;
}

function readProxy(value: unknown, defaults: ProxySettings, problems: Problem[]): ProxySettings {
  const from = asObject(value, 'proxy', problems);
  for (const name of Object.keys(from)) {
    if (!Object.hasOwn(proxyChecks, name)) problems.push(problem(`proxy.${name}`, 'is no setting of the injector'));
  }
  const picked = pick(from, proxyChecks, 'proxy.', problems);
  for (const [name, value] of Object.entries(picked)) {
    if (typeof value === 'number' && typeof defaults[name as keyof ProxySettings] === 'string')
      picked[name] = String(value);
  }
  const { resources } = picked;
  if (isJsonObject(resources)) picked['resources'] = mergeResources(defaults.resources, resources);
  return { ...defaults, ...(picked as Partial<ProxySettings>) };
}

/** Over the defaults, name by name; `null` takes a default away (values.yaml does the same). */
function mergeResources(defaults: JsonObject, own: JsonObject): JsonObject {
  const merged: JsonObject = { ...defaults };
  for (const [kind, quantities] of Object.entries(own)) {
    const base = isJsonObject(merged[kind]) ? merged[kind] : {};
    const all = quantities === null ? {} : { ...base, ...(isJsonObject(quantities) ? quantities : {}) };
    const kept = Object.entries(all).filter(([, quantity]) => quantity !== null);
    if (kept.length > 0) merged[kind] = Object.fromEntries(kept);
    else delete merged[kind];
  }
  return merged;
}

function readMesh(value: unknown, defaults: InjectionMesh, problems: Problem[]): InjectionMesh {
  const from = asObject(value, 'mesh config', problems);
  const picked = pick(
    from,
    { trustDomain: text, enablePrometheusMerge: oneOf(true, false) },
    'mesh config: ',
    problems,
  );
  const config = parseProxyConfig(from['defaultConfig'], 'mesh config: defaultConfig');
  problems.push(...(config.ok ? config.warnings : config.problems));
  return { ...defaults, ...(picked as Partial<InjectionMesh>), defaultConfig: config.ok ? config.value : {} };
}

function readSelectors(value: unknown, path: string, problems: Problem[]): LabelSelector[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    problems.push(problem(path, 'must be a list of label selectors'));
    return [];
  }
  return value.flatMap((one: unknown, index) => {
    const report = new Report();
    const selector = readLabelSelector(new Field(`${path}[${index}]`, one), report);
    problems.push(...report.errors);
    return report.errors.length === 0 ? [selector] : [];
  });
}

/** Templates are YAML, as a text (as in Istio's settings) or as it is. */
function readTemplates(value: unknown, problems: Problem[]): Record<string, PodFragment> {
  const entries = Object.entries(asObject(value, 'templates', problems)).flatMap(([name, template]) => {
    const path = `templates.${name}`;
    try {
      const fragment: unknown = typeof template === 'string' ? parse(template, { uniqueKeys: true }) : template;
      if (isJsonObject(fragment) && isPod({ spec: {}, ...fragment })) {
        for (const text of unknownPlaceholders(fragment))
          problems.push(problem(path, `${text} is no placeholder, there are ${placeholderNames.join(', ')}`));
        return [[name, fragment] as const];
      }
      problems.push(problem(path, 'must be a part of a pod: metadata, spec'));
    } catch (error) {
      problems.push(
        problem(path, `is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`),
      );
    }
    return [];
  });
  return Object.fromEntries(entries);
}

function checkTemplateNames(settings: InjectionSettings, problems: Problem[]): void {
  const known = knownTemplates(settings);
  const named = [
    ...settings.defaultTemplates.map((name) => ['defaultTemplates', name] as const),
    ...Object.entries(settings.aliases).flatMap(([alias, names]) =>
      names.map((name) => [`aliases.${alias}`, name] as const),
    ),
  ];
  for (const [path, name] of named) {
    if (!known.includes(name))
      problems.push(problem(path, `there is no template ${JSON.stringify(name)}, there are ${known.join(', ')}`));
  }
}
