/** How the runner starts control plane and sidecars: the content of its SUT_COMMANDS file (sut.py says what the words in braces are). */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sidecarCommand } from '../support/sidecar-command.ts';

/** topics.json: what is run when no scenario is named, and the protocols that our sidecar does not speak yet. */
export type Topics = Readonly<{
  sidecar: readonly string[];
  envoy: readonly string[];
  skipProtocols: readonly string[];
}>;

export type Arrangement = Readonly<{
  root: string;
  /** Of this run; goes away with it. */
  folder: string;
  kind: 'sidecar' | 'envoy';
  topics: Topics;
}>;

/** The user that the NAT rules of a namespace let through: the sidecar's. */
const proxyUid = 1337;

export function makeCommands({ root, folder, kind, topics }: Arrangement): Readonly<Record<string, unknown>> {
  const node = process.execPath;
  const common = {
    control_plane: [node, join(root, 'control-plane/main.ts'), ...controlPlaneFlags],
    control_plane_ready: { port: 8080, path: '/ready' },
    sidecar_ready: { port: 15021, path: '/healthz/ready' },
    known: join(import.meta.dirname, 'known.yaml'),
    env: {},
  };
  if (kind === 'envoy') return { ...common, sidecar: 'envoy', skip_protocols: [] };
  const place = placeForSidecar(root, folder);
  return {
    ...common,
    token: [node, join(root, 'meshctl/main.ts'), ...tokenFlags],
    sidecar: [place.node, ...sidecarCommand().nodeFlags, join(place.root, 'sidecar/main.ts'), ...sidecarFlags],
    skip_protocols: topics.skipProtocols,
  };
}

const words = (...lines: readonly string[]) => lines.join(' ').split(' ');

const controlPlaneFlags = words(
  '--config-dir {config_dir} --mesh-config {mesh_file} --data-dir {run_dir} --ca-cert {ca_cert} --ca-key {ca_key}',
  '--xds-plaintext 10.77.0.1:15010 --xds-tls 10.77.0.1:15012 --advertise 10.77.0.1',
);

// A sidecar's run folder lies in the control plane's.
const tokenFlags = words('--data-dir {run_dir}/.. token --service-account {namespace}/{service_account}');

// One thread, as the Envoys had when the outcomes were recorded: each thread has its own place in a round, and a connection of its own.
const sidecarFlags = words(
  '--control-plane 10.77.0.1:15012 --ca-cert {root} --token {token} --name {name} --namespace {namespace}',
  '--service-account {service_account} --labels {labels_json} --ip {ip} --data-dir {run_dir} --concurrency 1',
);

type Place = Readonly<{ root: string; node: string }>;

/** Where the sidecar's user can start it from: the checkout, or a copy when the checkout is closed to others. */
function placeForSidecar(root: string, folder: string): Place {
  const here = { root, node: process.execPath };
  return canStart(here) ? here : copyForOthers(root, folder);
}

function canStart({ root, node }: Place): boolean {
  const user = [`--reuid=${proxyUid}`, `--regid=${proxyUid}`, '--clear-groups'];
  const start = [node, join(root, 'sidecar/main.ts'), '--help'];
  return spawnSync('setpriv', [...user, ...start], { cwd: '/' }).status === 0;
}

function copyForOthers(root: string, folder: string): Place {
  const place = { root: join(folder, 'tulle'), node: join(folder, 'node') };
  for (const path of ['package.json', 'sidecar', 'shared', ...productionPackages(root)]) {
    mkdirSync(dirname(join(place.root, path)), { recursive: true });
    cpSync(join(root, path), join(place.root, path), { recursive: true });
  }
  cpSync(process.execPath, place.node);
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  if (!canStart(place)) throw new Error(`the user ${proxyUid} cannot start the sidecar from ${place.root}`);
  return place;
}

/** Folders of the packages that the program itself uses, without Node, as the lock file has them. */
function productionPackages(root: string): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, Readonly<{ dev?: boolean }>>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => dev !== true && /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path))
    .map(([path]) => path)
    .filter((path) => !/\/node-(bin-)?(linux|darwin)-/.test(path));
}
