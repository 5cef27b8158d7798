/** A cluster with Tulle in it, installed as anybody would: by `meshctl install`. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { eventually } from '../eventually.ts';
import { Cluster } from './cluster.ts';
import type { Pod } from './kubelet/objects.ts';

const root = new URL('../../..', import.meta.url).pathname;
const run = promisify(execFile);

/** Nobody without a certificate of the mesh is let in, in one namespace. */
export const strict = (namespace: string): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ${namespace}}
spec: {mtls: {mode: STRICT}}`;

/** A pod that stays, with curl in its container \`client\`. */
export const aClient = (name: string, namespace: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 2
  containers: [{name: client, image: curlimages/curl, command: [sleep, infinity]}]`;

/** Runs meshctl from this checkout on a cluster: what it printed. Throws with its errors when it fails. */
export async function meshctl(cluster: Cluster, args: readonly string[]): Promise<string> {
  const flags = ['--import', `${root}preload.mjs`, `${root}meshctl/main.ts`, ...args];
  const env = { ...process.env, KUBECONFIG: cluster.api.kubeconfig };
  const { stdout } = await run(process.execPath, flags, { cwd: root, env, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Starts a cluster and installs the mesh into it; returns when pods can be injected. */
export async function startMeshCluster(installFlags: readonly string[] = ['--replicas', '1']): Promise<Cluster> {
  const cluster = await Cluster.start();
  try {
    await meshctl(cluster, ['install', ...installFlags, '--timeout', '120s']);
    await cluster.rolledOut('deployment/tulle-control-plane', 'tulle-system');
    await eventually(async () => {
      const path = '-o=jsonpath={.webhooks[*].clientConfig.caBundle}';
      const bundles = await cluster.kubectl(['get', 'mutatingwebhookconfiguration', 'tulle-injector', path]);
      return bundles.trim() !== '';
    }, 30_000);
  } catch (error) {
    const logs = await logsOf(cluster, 'tulle-system', 'app.kubernetes.io/name=tulle-control-plane', 'control-plane');
    await cluster.close();
    throw new Error(`no mesh in the cluster: ${String(error)}\n${logs}`, { cause: error });
  }
  return cluster;
}

/** Makes a namespace whose pods get a sidecar. */
export async function makeNamespace(
  cluster: Cluster,
  name: string,
  labels = 'istio-injection: enabled',
): Promise<void> {
  await cluster.apply(`
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, labels: {${labels}}}`);
}

/** Waits until all pods that labels select are ready, and there are some; their logs are in the error when they are not. */
export async function untilReady(
  cluster: Cluster,
  namespace: string,
  selector: string,
  timeoutMs = 60_000,
): Promise<readonly Pod[]> {
  try {
    return await eventually(
      async () => {
        const pods = (await cluster.pods(namespace, selector)).filter(
          ({ metadata }) => metadata?.deletionTimestamp === undefined,
        );
        const isReady = (pod: Pod) =>
          pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
        return pods.length > 0 && pods.every(isReady) ? pods : false;
      },
      timeoutMs,
      200,
    );
  } catch (error) {
    const logs = await Promise.all(
      ['istio-init', 'istio-proxy'].map((name) => logsOf(cluster, namespace, selector, name)),
    );
    throw new Error(`pods ${selector} of ${namespace} are not ready\n${logs.join('\n')}\n${await cluster.nodeLog()}`, {
      cause: error,
    });
  }
}

/** The last lines that a container printed in each pod that labels select. */
export async function logsOf(
  cluster: Cluster,
  namespace: string,
  selector: string,
  container: string,
): Promise<string> {
  const pods = await cluster.pods(namespace, selector).catch(() => []);
  const logs = pods.map(async ({ metadata }) => {
    const log = await cluster.logs(`${namespace}/${metadata?.name}`, container).catch(String);
    return `== ${metadata?.name} ${container}\n${log.slice(-3000)}`;
  });
  return (await Promise.all(logs)).join('\n');
}

/** Runs a script in the container `client` of a pod; throws if it fails. */
export async function inClient(cluster: Cluster, pod: string, script: string): Promise<string> {
  const { code, output } = await cluster.exec(pod, 'client', ['sh', '-c', script], 30_000);
  if (code !== 0) throw new Error(`${script}: exit code ${code}\n${output}`);
  return output.trim();
}

/** A file of the repository. */
export const fileOf = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8');

/** Milliseconds until `isSo`, tried again and again; throws after 10 s. */
export async function timeUntil(isSo: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  await eventually(isSo, 10_000);
  return performance.now() - start;
}
