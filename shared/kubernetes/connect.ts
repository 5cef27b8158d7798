/**
 * How a program reaches a Kubernetes API server. The sidecar never imports this (the client library takes more memory than the whole
 * proxy), and `meshctl` only in the commands that need it.
 */
import { KubeConfig } from '@kubernetes/client-node';
import { describeError, MeshError } from '../runtime/mesh-error.ts';

/** A kubeconfig (`kubeconfig`: its file; that of `$KUBECONFIG` or `~/.kube/config` when absent), or the account of the pod we are in. */
export type KubernetesAccess = Readonly<{ kubeconfig?: string; context?: string }> | 'in-cluster';

/**
 * The configuration for the library's clients (`KubernetesObjectApi.makeApiClient(config)`), checked as far as it can be without a call.
 * Throws a MeshError: `io` for a file that cannot be read or is no kubeconfig, `not_found` where there is no such file, context or
 * cluster, or no account of a pod.
 */
export function connectKubernetes(access: KubernetesAccess): KubeConfig {
  const config = new KubeConfig();
  if (access === 'in-cluster') {
    config.loadFromCluster();
    if (!URL.canParse(config.getCurrentCluster()?.server ?? ''))
      throw new MeshError('not_found', 'not in a pod of Kubernetes: KUBERNETES_SERVICE_HOST and _PORT are not set');
    return config;
  }
  load(config, access.kubeconfig);
  if (access.context !== undefined) config.setCurrentContext(access.context);
  const file = access.kubeconfig ?? 'the kubeconfig';
  const context = config.getCurrentContext();
  if (!context) throw new MeshError('not_found', `${file} has no current context: name one by --context`);
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context))
    throw new MeshError('not_found', `${file} has no context ${context}, it has ${known.join(', ') || 'none'}`);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server))
    throw new MeshError('not_found', `context ${context} of ${file} names no cluster with a server`);
  return config;
}

/** What the library stands in when it finds no file at all. */
const libraryDefaultContext = 'loaded-context';

function load(config: KubeConfig, file: string | undefined): void {
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    throw new MeshError('io', `cannot read ${file ?? 'the kubeconfig'} (${describeError(error)})`, { cause: error });
  }
  if (file === undefined && config.getCurrentContext() === libraryDefaultContext)
    throw new MeshError('not_found', 'there is no kubeconfig: name one by --kubeconfig');
}
