/** Whether the application still listens: asked while the sidecar ends. */
import { askTcp } from './probing/ask-tcp.ts';
import { fromOwnSource } from './probing/own-source.ts';
import type { AppState } from './stopping.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

const timeoutMs = 500;

/** Ports on which it is reached: those that its containers declare, and those that services lead to. */
export function appPorts(declared: readonly number[], { clusters }: Pick<Snapshot, 'clusters'>): readonly number[] {
  const served = [...clusters.keys()].map((name) => Number(/^inbound\|(\d+)\|/.exec(name)?.[1] ?? 0));
  return [...new Set([...declared, ...served.filter((port) => port > 0)])];
}

/**
 * Asks all of them at once, at the pod's address and at the loopback one, where a Sidecar's `defaultEndpoint` may lead. Only a refusal is
 * silence: who is too busy to answer is there.
 */
export async function appState(host: string, ports: readonly number[]): Promise<AppState> {
  if (ports.length === 0) return 'unknown';
  const hosts = new Set([host, host.includes(':') ? '::1' : '127.0.0.1']);
  const asked = ports.flatMap((port) => [...hosts].map((each) => isListening(each, port)));
  return (await Promise.all(asked)).includes(true) ? 'answers' : 'silent';
}

async function isListening(host: string, port: number): Promise<boolean> {
  try {
    await fromOwnSource(host, (localAddress) => askTcp({ host, port, localAddress, timeoutMs }));
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED');
  }
}
