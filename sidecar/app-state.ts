/**
 * Whether the application still listens, while the sidecar ends: as the system says, in whose tables the whole pod stands. It is not
 * connected to, for a server that speaks first may take it ill when nobody reads.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppState } from './stopping.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** Listeners come first in a table, before connections, of which there may be very many. */
const maxBytes = 64 * 1024;
const tables = ['tcp', 'tcp6'];
/** TCP_LISTEN (include/net/tcp_states.h). */
const listening = '0A';

/** Ports on which it is reached: those that its containers declare, and those that services lead to. */
export function appPorts(declared: readonly number[], { clusters }: Pick<Snapshot, 'clusters'>): readonly number[] {
  const served = [...clusters.keys()].map((name) => Number(/^inbound\|(\d+)\|/.exec(name)?.[1] ?? 0));
  return [...new Set([...declared, ...served.filter((port) => port > 0)])];
}

/** Looks whether somebody listens on one of the ports. `folder`: where the system shows its tables. */
export async function appState(ports: readonly number[], folder = '/proc/net'): Promise<AppState> {
  if (ports.length === 0) return 'unknown';
  const texts = await Promise.all(tables.map((table) => beginningOf(join(folder, table))));
  if (texts.every((text) => text === null)) return 'unknown';
  const open = new Set(texts.flatMap((text) => portsOf(text ?? '')));
  return ports.some((port) => open.has(port)) ? 'answers' : 'silent';
}

/** Lines are `sl local_address rem_address st ...`, addresses `HEX:PORT`. */
function portsOf(table: string): number[] {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  const found = rows.filter(([, , , state]) => state === listening);
  return found.map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
}

/** Null: there is no such table, as without IPv6. */
async function beginningOf(file: string): Promise<string | null> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(maxBytes) });
    return buffer.toString('latin1', 0, bytesRead);
  } catch {
    return null;
  }
}
