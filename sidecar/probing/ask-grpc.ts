/**
 * gRPC's health protocol (grpc/health/v1/health.proto), one question a connection, without TLS. Not by grpc-js: that cannot bind the
 * address that a question comes from.
 */
import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { connect } from 'node:net';
import { formatHostPort } from '#shared/runtime/host-port.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';

/** Whom to ask about what. */
export type GrpcQuestion = Readonly<{
  host: string;
  port: number;
  /** '' is the server as a whole. */
  service: string;
  userAgent?: string | undefined;
  localAddress?: string | undefined;
  timeoutMs: number;
}>;

/** `HealthCheckResponse.SERVING`. */
export const serving = 1;

/** The status of the answer; throws when there is none in time, with the gRPC status if that says why. */
export async function askGrpcHealth(question: GrpcQuestion): Promise<number> {
  const { host, port, localAddress, timeoutMs } = question;
  const http2 = process.getBuiltinModule('node:http2');
  const session = http2.connect(`http://${formatHostPort(host, port)}`, {
    createConnection: () => connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) }),
  });
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new MeshError('timeout', `no answer in ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([late, check(session, question)]);
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

function check(session: ClientHttp2Session, { service, userAgent }: GrpcQuestion): Promise<number> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
    });
    let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (head) => (headers = head));
    stream.on('trailers', (tail) => (trailers = tail));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const status = trailers['grpc-status'] ?? headers['grpc-status'];
      if (status === '0') return resolve(decodeStatus(Buffer.concat(chunks)));
      const message = trailers['grpc-message'] ?? headers['grpc-message'] ?? '';
      const what =
        status === undefined ? `HTTP ${String(headers[':status'] ?? 'without an answer')}` : `gRPC ${status}`;
      reject(new MeshError('protocol', `the question failed: ${what} ${describeError(message)}`.trimEnd()));
    });
    stream.end(frame(encodeRequest(service)));
  });
}

/** Not compressed, and its length. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** `HealthCheckRequest{string service = 1}` in its wire form. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length: number[] = [];
  let rest = name.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([0x0a, ...length, rest]), name]);
}

/** Field 1 of `HealthCheckResponse`, behind the head of its frame, is the status. */
const decodeStatus = (bytes: Buffer) => (bytes[5] === 0x08 ? (bytes[6] ?? 0) : 0);
