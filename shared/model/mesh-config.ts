import { fail, ok, type Result } from '../runtime/result.ts';
import type { LabelSelector } from './label-selector.ts';
import { Field } from './rules/field.ts';
import { readMeshConfig } from './rules/mesh-config-rules.ts';
import { Report } from './rules/report.ts';

/**
 * Mesh-wide settings, parsed from the YAML of Istio's MeshConfig. Durations are milliseconds. Defaults are Istio's
 * (pkg/config/mesh/mesh.go).
 */
export type MeshConfig = Readonly<{
  rootNamespace: string;
  trustDomain: string;
  accessLogFile: string;
  accessLogEncoding: 'TEXT' | 'JSON';
  accessLogFormat: string;
  outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  enableAutoMtls: boolean;
  enableTracing: boolean;
  dnsRefreshRateMs: number;
  connectTimeoutMs: number;
  /**
   * How long a connection may say nothing before it is taken to be of a protocol whose server speaks first; 0: for ever; null: by
   * {@link MeshConfig.compat}.
   */
  protocolDetectionTimeoutMs: number | null;
  pathNormalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  discoveryAddress: string;
  /** `istio`: Istio's exact defaults where Tulle's are safer (`defaultConfig.proxyMetadata.TULLE_COMPAT`). */
  compat: 'tulle' | 'istio';
  /** The whole of `defaultConfig.proxyMetadata`. */
  proxyMetadata: Readonly<Record<string, string>>;
  /**
   * On Kubernetes: only what lies in a namespace that one of these selects by its labels, or in the root namespace, is read. None: every
   * namespace.
   */
  discoverySelectors: readonly LabelSelector[];
}>;

/** What holds when no file is given. */
export const defaultMeshConfig: MeshConfig = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  accessLogFile: '',
  accessLogEncoding: 'TEXT',
  accessLogFormat: '',
  outboundTrafficPolicy: 'ALLOW_ANY',
  enableAutoMtls: true,
  enableTracing: false,
  dnsRefreshRateMs: 60_000,
  connectTimeoutMs: 10_000,
  protocolDetectionTimeoutMs: null,
  pathNormalization: 'BASE',
  discoveryAddress: '127.0.0.1:15012',
  compat: 'tulle',
  proxyMetadata: {},
  discoverySelectors: [],
};

/**
 * The settings of a document of Istio's MeshConfig over the defaults. A key that is not honoured is a warning by name, a
 * wrong value an error; an empty document (`null`) is no settings.
 */
export function parseMeshConfig(document: unknown): Result<MeshConfig> {
  const report = new Report();
  const config = readMeshConfig(new Field('', document ?? {}), defaultMeshConfig, report);
  return report.errors.length > 0 ? fail([...report.errors, ...report.warnings]) : ok(config, report.warnings);
}
