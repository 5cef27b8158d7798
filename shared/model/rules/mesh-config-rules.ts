import { isDnsLabel } from '../dns-name.ts';
import { parseDurationMs } from '../duration.ts';
import type { MeshConfig } from '../mesh-config.ts';
import { isTrustDomain } from '../spiffe-id.ts';
import type { Field } from './field.ts';
import { faultOfFqdn, faultOfIp, faultOfPort } from './host-rules.ts';
import { readLabelSelector } from './label-selector-rules.ts';
import { readTexts } from './metadata-rules.ts';
import { listOf } from './read.ts';
import type { Report } from './report.ts';
import { describeType } from './schema.ts';
import { checkDuration } from './scalar-rules.ts';

/** Reads each setting of the mesh from a document; a setting that is absent or wrong keeps its default. */

const notHonouredCode = 'TUL0103';
const maxConnectTimeoutMs = 3_600_000;
const encodings = ['TEXT', 'JSON'] as const;
const outboundModes = ['ALLOW_ANY', 'REGISTRY_ONLY'] as const;
const normalizations = ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
const compats = ['tulle', 'istio'] as const;

/** Of a proxy's settings, what goes into its pod: checked where that is done (shared/injection/proxy-config.ts). */
const readByInjector = [
  'concurrency',
  'holdApplicationUntilProxyStarts',
  'image',
  'interceptionMode',
  'meshId',
  'statusPort',
  'terminationDrainDuration',
];

/** What is read at each place; everything else there is warned of. */
const honoured: readonly (readonly [path: readonly string[], names: readonly string[]])[] = [
  [
    [],
    [
      'rootNamespace',
      'trustDomain',
      'accessLogFile',
      'accessLogEncoding',
      'accessLogFormat',
      'outboundTrafficPolicy',
      'enableAutoMtls',
      'enableTracing',
      'dnsRefreshRate',
      'connectTimeout',
      'protocolDetectionTimeout',
      'pathNormalization',
      'defaultConfig',
      'discoverySelectors',
      'enablePrometheusMerge',
    ],
  ],
  [['outboundTrafficPolicy'], ['mode']],
  [['pathNormalization'], ['normalization']],
  [['defaultConfig'], ['discoveryAddress', 'proxyMetadata', ...readByInjector]],
];

/** The settings of a document over the defaults, with every problem reported. */
export function readMeshConfig(root: Field, defaults: MeshConfig, report: Report): MeshConfig {
  warnOfOthers(root, report);
  const normalization = readEnum(root.at('pathNormalization', 'normalization'), normalizations, report);
  const metadata = root.at('defaultConfig', 'proxyMetadata');
  return {
    rootNamespace: readText(root.get('rootNamespace'), report, faultOfNamespace) ?? defaults.rootNamespace,
    trustDomain: readText(root.get('trustDomain'), report, faultOfTrustDomain) ?? defaults.trustDomain,
    accessLogFile: readText(root.get('accessLogFile'), report) ?? defaults.accessLogFile,
    accessLogEncoding: readEnum(root.get('accessLogEncoding'), encodings, report) ?? defaults.accessLogEncoding,
    accessLogFormat: readText(root.get('accessLogFormat'), report) ?? defaults.accessLogFormat,
    outboundTrafficPolicy:
      readEnum(root.at('outboundTrafficPolicy', 'mode'), outboundModes, report) ?? defaults.outboundTrafficPolicy,
    enableAutoMtls: readFlag(root.get('enableAutoMtls'), report) ?? defaults.enableAutoMtls,
    enableTracing: readFlag(root.get('enableTracing'), report) ?? defaults.enableTracing,
    dnsRefreshRateMs: readDuration(root.get('dnsRefreshRate'), report) ?? defaults.dnsRefreshRateMs,
    connectTimeoutMs: readConnectTimeout(root.get('connectTimeout'), report) ?? defaults.connectTimeoutMs,
    protocolDetectionTimeoutMs:
      readDuration(root.get('protocolDetectionTimeout'), report) ?? defaults.protocolDetectionTimeoutMs,
    pathNormalization: normalization === 'DEFAULT' ? 'BASE' : (normalization ?? defaults.pathNormalization),
    discoveryAddress:
      readText(root.at('defaultConfig', 'discoveryAddress'), report, faultOfAddress) ?? defaults.discoveryAddress,
    compat: readEnum(metadata.get('TULLE_COMPAT'), compats, report) ?? defaults.compat,
    proxyMetadata: metadata.isSet ? readTexts(metadata, report) : defaults.proxyMetadata,
    discoverySelectors: root.get('discoverySelectors').isSet
      ? listOf(root.get('discoverySelectors'), report).map((selector) => readLabelSelector(selector, report))
      : defaults.discoverySelectors,
  };
}

function warnOfOthers(root: Field, report: Report): void {
  for (const [path, names] of honoured) {
    const place = root.at(...path);
    if (place.isSet && !place.isObject) report.error(place, `is ${describeType(place.value)}, must be an object`);
    for (const [name, member] of place.entries) {
      if (!names.includes(name) && member.isSet) report.warn(member, 'is not honoured', notHonouredCode);
    }
  }
}

function readText(
  field: Field,
  report: Report,
  faultOf: (text: string) => string | null = () => null,
): string | undefined {
  if (!field.isSet) return undefined;
  const fault =
    typeof field.value === 'string' ? faultOf(field.text) : `is ${describeType(field.value)}, must be a string`;
  if (fault !== null) report.error(field, fault);
  return field.text;
}

function readEnum<T extends string>(field: Field, known: readonly T[], report: Report): T | undefined {
  const found = known.find((value) => value === field.value);
  if (found === undefined && field.isSet)
    report.error(field, `${JSON.stringify(field.value)} is not one of ${known.join(', ')}`);
  return found;
}

function readFlag(field: Field, report: Report): boolean | undefined {
  if (!field.isSet) return undefined;
  if (typeof field.value !== 'boolean') report.error(field, `is ${describeType(field.value)}, must be true or false`);
  return field.isTrue;
}

function readDuration(field: Field, report: Report): number | undefined {
  if (!field.isSet) return undefined;
  if (typeof field.value === 'string') checkDuration(field, report);
  else report.error(field, `is ${describeType(field.value)}, must be a duration such as 10s`);
  return parseDurationMs(field.text) ?? undefined;
}

function readConnectTimeout(field: Field, report: Report): number | undefined {
  const milliseconds = readDuration(field, report);
  if ((milliseconds ?? 0) > maxConnectTimeoutMs) report.error(field, 'must be at most 1h');
  return milliseconds;
}

function faultOfNamespace(text: string): string | null {
  return isDnsLabel(text) ? null : `${JSON.stringify(text)} is not a namespace, must be a DNS label`;
}

function faultOfTrustDomain(text: string): string | null {
  return isTrustDomain(text)
    ? null
    : `${JSON.stringify(text)} is not a trust domain, must be of a-z, 0-9, ".", "-", "_"`;
}

function faultOfAddress(text: string): string | null {
  const { host, port } = /^\[?(?<host>[^[\]]+)\]?:(?<port>\d+)$/.exec(text)?.groups ?? {};
  const isHost = host !== undefined && (faultOfFqdn(host) === null || faultOfIp(host) === null);
  return isHost && faultOfPort(Number(port)) === null ? null : `${JSON.stringify(text)} is not HOST:PORT`;
}
