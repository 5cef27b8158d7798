/** Ports for the processes of a mesh: names come in, a free port for each goes out, the same as last time where that is possible. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';

export type Ports = Readonly<Record<string, number>>;

/**
 * Below 32768, where systems begin to take the local ports of outgoing connections: a port there could be in use when a process
 * that died wants it back.
 */
const range = { from: 20_000, to: 32_000 };

/** A free port for each name. `wanted`: ports that are taken when they are free. */
export async function allocatePorts(
  names: readonly string[],
  wanted: Ports,
  random: Random,
  isFree: (port: number) => Promise<boolean> = isPortFree,
): Promise<Ports> {
  const taken = new Set<number>();
  const ports: Record<string, number> = {};
  for (const name of names) {
    const before = wanted[name];
    if (before === undefined || taken.has(before) || !(await isFree(before))) continue;
    taken.add(before);
    ports[name] = before;
  }
  const size = range.to - range.from;
  let next = Math.floor(random() * size);
  for (const name of names.filter((name) => ports[name] === undefined)) {
    let tried = 0;
    while (taken.has(range.from + (next % size)) || !(await isFree(range.from + (next % size)))) {
      next++;
      if (++tried > size) throw new MeshError('resource_exhausted', 'there is no free port');
    }
    const port = range.from + (next++ % size);
    taken.add(port);
    ports[name] = port;
  }
  return ports;
}

/** The ports of last time; none when that cannot be read. */
export function readPorts(file: string): Ports {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof read !== 'object' || read === null) return {};
    const isPort = (port: unknown) => Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
    return Object.fromEntries(Object.entries(read).filter(([, port]) => isPort(port)));
  } catch {
    // The first start, or a file that somebody spoilt: other ports do as well.
    return {};
  }
}

/** Keeps the ports for next time. */
export function writePorts(file: string, ports: Ports): void {
  writeFileSync(file, `${JSON.stringify(ports, null, 2)}\n`);
}

/** Whether this port can be listened on, on the loopback address and on all. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0'));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
