/**
 * Connections that must be captured. One as the sidecar to an own address, which must come back to the inbound port (Istio's validation
 * does the same); one as another user to an address of documentation, which must come to the outbound port, and so goes nowhere.
 * Where nobody listens on those ports yet, it is listened there for as long as it takes.
 */
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Family } from './rule.ts';
import type { CaptureSettings } from './settings.ts';

/** `captured`: null where it could not be tried, and `why`. */
export type Probed = Readonly<{ name: string; captured: boolean | null; why: string }>;

/** Nobody listens there: Istio's port for the same purpose. */
const probePort = 15_002;
/** TEST-NET-1 (RFC 5737) and the documentation prefix of IPv6 (RFC 3849). */
const nowhere: Readonly<Record<Family, string>> = { 4: '192.0.2.1', 6: '2001:db8::1' };
const timeoutMs = 3000;

type Attempt = Readonly<{ name: string; address: string; port: number; uid: number; family: Family }>;

/** Tries it for each version of IP. `isVerified`: the rules were read and are right, so that nothing can leave. */
export async function probeCapture(
  settings: CaptureSettings,
  families: readonly Family[],
  isVerified: boolean,
): Promise<readonly Probed[]> {
  const probed: Probed[] = [];
  for (const family of families) {
    probed.push(await probeInbound(settings, family));
    if (isVerified) probed.push(await probeOutbound(settings, family));
  }
  return probed;
}

function probeInbound({ uids: [uid], inboundPort }: CaptureSettings, family: Family): Promise<Probed> {
  const name = `IPv${family} connection of the sidecar to its own pod`;
  const address = ownAddress(family);
  if (address === null) return Promise.resolve(notTried(name, 'there is no address but the loopback one'));
  if (uid === undefined) return Promise.resolve(notTried(name, 'the sidecar is known by its group only'));
  return attempt({ name, address, port: inboundPort, uid, family });
}

function probeOutbound(settings: CaptureSettings, family: Family): Promise<Probed> {
  const { includeOutboundRanges, excludeOutboundRanges, excludeInterfaces, excludeOutboundPorts, uids } = settings;
  const name = `IPv${family} connection of an application`;
  const uid = [process.geteuid?.() ?? 0, 65_534].find((candidate) => !uids.includes(candidate)) ?? 65_533;
  const isNarrow = [excludeOutboundRanges, excludeInterfaces, excludeOutboundPorts].some((list) => list.length > 0);
  if (includeOutboundRanges !== '*' || isNarrow)
    return Promise.resolve(notTried(name, 'some of what goes out is not to be captured'));
  return attempt({ name, address: nowhere[family], port: settings.outboundPort, uid, family });
}

async function attempt({ name, address, port, uid, family }: Attempt): Promise<Probed> {
  const own = process.geteuid?.() ?? 0;
  if (own !== 0 && own !== uid) return notTried(name, `only root can be the user ${uid}`);
  const { listener, arrived } = await listen(port, family);
  try {
    if (own !== uid) process.seteuid?.(uid);
    const end = await connectTo(address);
    if (end === 'ENETUNREACH' || end === 'EHOSTUNREACH') return notTried(name, `there is no route to ${address}`);
    // A connection that is made arrives, if it is here: it may be told of it later.
    const captured = end === 'connected' && (listener === null || (await arrived));
    return { name, captured, why: captured ? '' : `${address}:${probePort} ${end}, and nothing came to port ${port}` };
  } finally {
    if (own !== uid) process.seteuid?.(own);
    listener?.close();
  }
}

/** Listens if nobody does; the second value becomes true with the first connection, or false after the time. */
async function listen(port: number, family: Family): Promise<{ listener: Server | null; arrived: Promise<boolean> }> {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => arrive(false), timeoutMs);
  timer.unref();
  const listener = createServer((socket) => {
    socket.on('error', () => undefined).destroy();
    arrive(true);
  });
  const { promise: isListening, resolve } = Promise.withResolvers<boolean>();
  listener.once('error', () => resolve(false));
  listener.listen({ port, host: family === 4 ? '0.0.0.0' : '::', ipv6Only: family === 6 }, () => resolve(true));
  return { listener: (await isListening) ? listener : null, arrived };
}

/** `connected`, or the code of the error. */
function connectTo(address: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: address, port: probePort });
  const end = (how: string) => {
    resolve(how);
    socket.destroy();
  };
  socket.setTimeout(timeoutMs, () => end('does not answer'));
  socket.once('connect', () => end('connected'));
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'failed'));
  return promise;
}

function ownAddress(family: Family): string | null {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find(
    (entry) => !entry.internal && entry.family === `IPv${family}` && !entry.address.startsWith('fe80:'),
  );
  return found?.address ?? null;
}

function notTried(name: string, why: string): Probed {
  return { name, captured: null, why };
}
