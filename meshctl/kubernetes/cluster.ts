/** A cluster as the commands that work on one see it; loaded only by them, since the client library is large. */
import { clusterApi, type AdminApi } from '#shared/kubernetes/cluster-api.ts';
import { connectKubernetes } from '#shared/kubernetes/connect.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { fromCallerFolder } from '../settings.ts';
import { Discovery } from './discovery.ts';

/** Which cluster: as kubectl has it. */
export type ClusterFlags = Readonly<{ kubeconfig?: string; context?: string }>;

/** The calls to a cluster, and what it serves. */
export type Cluster = Readonly<{ api: AdminApi; discovery: Discovery }>;

/** The cluster that the flags name. No call is made yet. */
export function connectCluster({ kubeconfig, context }: ClusterFlags): Cluster {
  try {
    const api = clusterApi(
      connectKubernetes({
        ...(kubeconfig === undefined ? {} : { kubeconfig: fromCallerFolder(kubeconfig) }),
        ...(context === undefined ? {} : { context }),
      }),
    );
    return { api, discovery: new Discovery(api) };
  } catch (error) {
    if (!isMeshError(error)) throw error;
    throw new CommandError(
      exitCodes.usage,
      describeError(error),
      'name a file by --kubeconfig, a context by --context',
    );
  }
}

/** Runs calls to a cluster; what it answers becomes an error of the command with its own exit code. */
export async function calling<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw commandErrorOf(error);
  }
}

function commandErrorOf(error: unknown): unknown {
  if (!isMeshError(error)) return error;
  const message = describeError(error);
  if (error.code === 'permission') {
    const hint = 'use an account that may do this: `meshctl check --pre` lists every right that is needed';
    return new CommandError(exitCodes.notAllowed, message, hint);
  }
  if (error.code === 'timeout' || (error.code === 'unavailable' && error.facts['status'] === undefined)) {
    const hint = 'is the cluster up, and is it the one that --kubeconfig and --context mean?';
    return new CommandError(exitCodes.unreachable, `the API server does not answer: ${message}`, hint);
  }
  return new CommandError(exitCodes.failed, message);
}
