/** A gRPC application with a unary method and streams both ways; messages are octets that come back as they are. */
import {
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
} from '@grpc/grpc-js';

const octets = {
  requestSerialize: (message: Buffer) => message,
  requestDeserialize: (message: Buffer) => message,
  responseSerialize: (message: Buffer) => message,
  responseDeserialize: (message: Buffer) => message,
};

/** Its methods. `download` sends the message back that many times that its first octet says. */
export const methods = {
  unary: { path: '/soak.App/Unary', requestStream: false, responseStream: false, ...octets },
  echo: { path: '/soak.App/Echo', requestStream: true, responseStream: true, ...octets },
  download: { path: '/soak.App/Download', requestStream: false, responseStream: true, ...octets },
} as const;

/** Starts it on a free port of the loopback. */
export async function startGrpcApp(): Promise<Readonly<{ port: number; stop: () => void }>> {
  const unary: handleUnaryCall<Buffer, Buffer> = (call, done) => done(null, call.request);
  const echo: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on('data', (message: Buffer) => call.write(message)).on('end', () => call.end());
    call.on('error', () => undefined);
  };
  const download: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    for (let count = call.request[0] ?? 0; count > 0; count--) call.write(call.request);
    call.end();
  };
  const server = new Server();
  server.addService(methods, { unary, echo, download });
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? done(bound) : fail(error),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}
