/**
 * Ports for processes that must be told theirs. A port that was merely free a moment ago is another's soon: tests run side by side, and
 * a sidecar shares its port (`SO_REUSEPORT`) with whoever else asks for it, so that two tests silently divide their connections.
 * So a port is claimed by a file until the process ends, and lies below those that the system gives out by itself.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Above what services are known by, below Linux' `ip_local_port_range` (from 32768). */
const first = 18_000;
const count = 14_000;
const folder = join(tmpdir(), 'tulle-test-ports');
const claimed: string[] = [];

process.on('exit', () => {
  for (const file of claimed) rmSync(file, { force: true });
});

/** A TCP port at which nothing listens, on no address, and that no other test gets while this process lives. */
export async function freePort(): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const start = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count);
    if (claim(join(folder, String(port))) && (await isFree(port))) return port;
  }
  throw new Error('no port is free');
}

function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (isClaimedByLiving(file)) return false;
    writeFileSync(file, String(process.pid));
  }
  claimed.push(file);
  return true;
}

function isClaimedByLiving(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
