/** `node grpc-echo-main.ts PORT`: a gRPC server whose only method sends each message back. */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { echoMethod } from './grpc-echo.ts';

const server = new Server();
server.addService(
  { stream: echoMethod },
  {
    stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
      call.on('error', () => call.destroy());
    },
  },
);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error === null) return;
  console.error(error.message);
  process.exit(1);
});
