import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { problem, type Problem } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { defaultProbe, type Probe } from '../snapshot/listener.ts';
import { parseDns, type DnsSettings } from './dns.ts';
import type { Flags } from './flags.ts';
import type { Environment } from './node-metadata.ts';
import type { Pod } from './pod.ts';
import type { PodApp } from './pod-app.ts';
import { number, oneOf, port } from './values.ts';

const interceptions = ['REDIRECT', 'TPROXY', 'NONE'] as const;

/** Settings of a sidecar that gets its configuration from a control plane. */
export type MeshedSettings = DnsSettings &
  Readonly<{
    kind: 'meshed';
    controlPlane: string;
    caFile: string;
    token: Readonly<{ kind: 'value'; token: Secret }> | Readonly<{ kind: 'file'; path: string }> | null;
    name: string;
    namespace: string;
    serviceAccount: string;
    labels: Readonly<Record<string, string>>;
    ip: string;
    /** All addresses of the workload, `ip` among them. */
    ips: readonly string[];
    locality: Readonly<{ region: string; zone: string; sub_zone: string }>;
    interception: (typeof interceptions)[number];
    /**
     * Application port -> port at which the sidecar takes its traffic (without interception). A port that has a name stands here
     * under its name too: the workload is registered with it, and services whose port has that name find it.
     */
    inbound: Readonly<Record<string, number>>;
    httpProxyPort: number;
    register: boolean;
    group: string;
    /** Null: as the control plane says. */
    probe: Probe | null;
    trustDomain: string;
    diskCache: boolean;
    dataDir: string;
    certificateTtlMs: number;
    /** More metadata of the node; what is said above wins. */
    metadata: Readonly<Record<string, unknown>>;
    /** Null: not in a pod. */
    app: PodApp | null;
    /** Whether it ends when the other containers of the pod have. */
    endsWithApp: boolean;
  }>;

/** Where flags are read: what else says something where they do not, and where relative paths begin. */
export type FlagSurroundings = Readonly<{
  environment: Environment;
  from: string;
  /** Null without `--pod`. */
  pod: Pod | null;
}>;

/** Reads them; what the pod says counts where no flag does. */
export function parseMeshed(flags: Flags, around: FlagSurroundings, problems: Problem[]): MeshedSettings {
  const { environment, from, pod } = around;
  const needed = (flag: 'control-plane' | 'ca-cert', other: string | null | undefined) => {
    const value = flags[flag] ?? other ?? undefined;
    if (value === undefined) problems.push(problem(`--${flag}`, 'is needed (or --config-path)'));
    return value ?? '';
  };
  const [region = '', zone = '', subZone = ''] = (flags.locality ?? pod?.locality ?? '').split('/');
  const declared = pod?.metadata['INTERCEPTION_MODE'];
  const interception = flags.interception ?? (typeof declared === 'string' && declared !== '' ? declared : 'REDIRECT');
  const ip = flags.ip ?? pod?.ips[0] ?? '127.0.0.1';
  return {
    kind: 'meshed',
    controlPlane: needed('control-plane', pod?.proxyConfig.discoveryAddress),
    caFile: resolve(from, needed('ca-cert', pod?.caFile)),
    token: tokenOf(flags, around),
    name: flags.name ?? pod?.name ?? hostname(),
    namespace: flags.namespace ?? pod?.namespace ?? 'default',
    serviceAccount: flags['service-account'] ?? pod?.serviceAccount ?? 'default',
    labels: flags.labels === undefined && pod !== null ? pod.labels : labels(flags.labels ?? '', problems),
    ip,
    ips: flags.ip === undefined && pod !== null ? pod.ips : [ip],
    locality: { region, zone, sub_zone: subZone },
    interception: oneOf('--interception', interception, interceptions, problems),
    inbound: Object.fromEntries((flags.inbound ?? []).flatMap((text) => inbound(text, problems))),
    httpProxyPort: port('--http-proxy-port', flags['http-proxy-port'] ?? '15001', problems),
    ...parseDns(flags, around, problems),
    register: flags.register === true,
    group: environment['AUTO_REGISTER_GROUP'] ?? '',
    probe: flags.probe === undefined ? null : probe(flags.probe, problems),
    trustDomain: flags['trust-domain'] ?? pod?.trustDomain ?? 'cluster.local',
    diskCache: flags['no-disk-cache'] !== true,
    dataDir: resolve(from, flags['data-dir'] ?? pod?.dataDir ?? environment['TULLE_DATA_DIR'] ?? '.tulle/sidecar'),
    certificateTtlMs: number('--certificate-ttl-seconds', flags['certificate-ttl-seconds'] ?? '0', problems) * 1000,
    metadata: pod?.metadata ?? {},
    app: pod?.app ?? null,
    endsWithApp:
      pod !== null && (flags['end-with-application'] ?? environment['TULLE_END_WITH_APPLICATION'] === 'true'),
  };
}

function tokenOf(flags: Flags, { environment, from, pod }: FlagSurroundings): MeshedSettings['token'] {
  if (flags['token-file'] !== undefined) return { kind: 'file', path: resolve(from, flags['token-file']) };
  const token = flags.token ?? environment['TULLE_TOKEN'] ?? '';
  if (token !== '') return { kind: 'value', token: new Secret(token) };
  return pod === null ? null : { kind: 'file', path: pod.tokenFile };
}

function labels(text: string, problems: Problem[]): Readonly<Record<string, string>> {
  if (text === '') return {};
  if (!text.startsWith('{')) {
    const pairs = text.split(',').map((pair) => pair.split('='));
    if (pairs.some((pair) => pair.length !== 2)) problems.push(problem('--labels', `${text} is not a=b,c=d`));
    return Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]));
  }
  try {
    const parsed: unknown = JSON.parse(text);
    const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
  } catch {
    problems.push(problem('--labels', `${text} is not JSON`));
    return {};
  }
}

function inbound(text: string, problems: Problem[]): [string, number][] {
  const match = /^(?:([a-z][a-z0-9-]*)=)?(\d{1,5}):(\d{1,5})$/.exec(text);
  if (match === null) {
    problems.push(problem('--inbound', `${text} is not APP:LISTEN or NAME=APP:LISTEN`));
    return [];
  }
  const [, name, app = '', listen = ''] = match;
  port('--inbound', app, problems);
  const listenPort = port('--inbound', listen, problems);
  return [app, ...(name === undefined ? [] : [name])].map((key) => [key, listenPort]);
}

function probe(text: string, problems: Problem[]): Probe | null {
  const match = /^(http|tcp|grpc):(\d{1,5})(\/.*)?$/.exec(text);
  if (match === null) {
    problems.push(problem('--probe', `${text} is not http:PORT/PATH, tcp:PORT or grpc:PORT`));
    return null;
  }
  return {
    ...defaultProbe,
    kind: match[1] as Probe['kind'],
    port: port('--probe', match[2] ?? '', problems),
    path: match[3] ?? '/',
    periodMs: 2000,
  };
}
