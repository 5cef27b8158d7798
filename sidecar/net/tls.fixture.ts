import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Secret } from '#shared/runtime/secret.ts';
import { toCertificate, issueRoot, issueWorkloadLeaf, newSerial, type Issuer } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { ServerTls, TlsSettings } from './tls-settings.ts';

const hourMs = 3_600_000;

/** An authority of its own. */
export function anAuthority(): Issuer & { pem: string } {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const raw = issueRoot(key, {
    serial: newSerial(),
    notBefore: now - hourMs,
    notAfter: now + hourMs,
    organization: 'tests',
    commonName: 'root',
  });
  return { certificate: toCertificate(raw), key: key.privateKey, pem: encodePem('CERTIFICATE', raw) };
}

/** A workload's identity; `validMs` before 0 is expired. */
export function anIdentity(
  authority: Issuer & { pem: string },
  spiffeId: string,
  validMs = hourMs,
): WorkloadCertificate {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serial = newSerial();
  const notAfter = Date.now() + validMs;
  const times = { notBefore: notAfter - 2 * hourMs, notAfter };
  const spki = key.publicKey.export({ format: 'der', type: 'spki' });
  const raw = issueWorkloadLeaf(authority, { spki, serial, ...times }, spiffeId);
  return {
    chainPem: encodePem('CERTIFICATE', raw),
    key: new Secret(key.privateKey.export({ format: 'pem', type: 'pkcs8' })),
    rootsPem: authority.pem,
    spiffeId,
    ...times,
    serial: serial.toString('hex'),
  };
}

/** Mutual TLS by the workload's identity, for peers with one of these names (any, without). */
export const meshTls = (...names: string[]): TlsSettings & ServerTls => ({
  certificates: [{ kind: 'sds', name: 'default' }],
  validation: {
    trustedCa: { kind: 'sds', name: 'ROOTCA' },
    names: names.map((wanted) => ({ type: 'uri', matches: (name) => name === wanted })),
  },
  alpn: ['istio-h2', 'istio'],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  cipherSuites: [],
  requireClientCertificate: true,
});

/** A server on a free port of the loopback that hands out paused sockets. */
export async function listenRaw(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, close };
}
