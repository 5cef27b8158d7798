/**
 * One request through a pair before it is measured: that its answer is the backend's. A load generator would count refusals as
 * answers; gRPC's come with status 200.
 */
import { connect } from 'node:http2';
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { CertificateFiles } from '../certificates.ts';
import { unary } from '../peers/backends.ts';
import type { Wire } from '../peers/pair.ts';
import { clientOptions } from './handshakes.ts';

const patienceMs = 5000;

/** Throws what is wrong with the answer, if it stays wrong for five seconds. */
export function probe(port: number, wire: 'http1' | 'h2', path: string): Promise<void> {
  return patiently(() => (wire === 'h2' ? callUnary(port) : get(port, path)));
}

/** A handshake with the called side: a proxy may listen before it has its certificate. */
export function probeTls(port: number, certificates: CertificateFiles, wire: Wire): Promise<void> {
  const protocols = { http1: ['http/1.1'], mux: ['h2'], h2: ['h2'], tcp: [] }[wire];
  const options = { ...clientOptions(port, certificates), ALPNProtocols: protocols };
  const shake = () =>
    new Promise<void>((done, fail) => {
      const socket = connectTls(options, () => {
        done();
        socket.destroy();
      });
      socket.once('error', fail);
      socket.once('close', () => fail(new Error('closed in the handshake')));
    });
  return patiently(shake);
}

async function patiently(attempt: () => Promise<void>): Promise<void> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await pause(100);
    }
  }
}

function get(port: number, path: string): Promise<void> {
  return new Promise((done, fail) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: 3000 }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode === 200) done();
        else fail(new Error(`answers ${response.statusCode}: ${body.slice(0, 300)}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 3 s')));
    call.on('error', fail);
    call.end();
  });
}

function callUnary(port: number): Promise<void> {
  return new Promise<void>((done, fail) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const failed = (error: Error) => {
      session.destroy();
      fail(error);
    };
    session.on('error', failed);
    session.on('close', () => fail(new Error('the connection was closed')));
    session.setTimeout(3000, () => failed(new Error('no answer in 3 s')));
    const head = { ':method': 'POST', ':path': unary.path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(head);
    let status = '';
    let bytes = 0;
    stream.on('response', (headers) => (status = `${headers[':status']}, grpc-status ${headers['grpc-status']}`));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('error', failed);
    stream.on('trailers', (trailers) => {
      if (trailers['grpc-status'] !== undefined) status = `${status} then ${trailers['grpc-status']}`;
    });
    stream.on('end', () => {
      if (bytes === unary.answerBytes) done();
      else fail(new Error(`answers ${status} with ${bytes} octets`));
      session.destroy();
    });
    stream.end(Buffer.alloc(unary.requestBytes));
  });
}
