/**
 * `node grpc-streams-main.ts PORT CONNECTIONS STREAMS SECONDS`: keeps streams of a gRPC echo open, each with one message under way at
 * a time. Prints one line of JSON.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { quantileOf } from '../summary.ts';
import { echoMethod } from './grpc-echo.ts';

const [port = '', connections = '', streams = '', seconds = ''] = process.argv.slice(2);
const message = Buffer.alloc(64, 'X');
const latencies: number[] = [];
const options = { 'grpc.use_local_subchannel_pool': 1 };
const clients = Array.from(
  { length: Number(connections) },
  () => new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options),
);

function stream(client: Client): void {
  const call = client.makeBidiStreamRequest(
    echoMethod.path,
    echoMethod.requestSerialize,
    echoMethod.responseDeserialize,
  );
  let sentAt = performance.now();
  call.on('data', () => {
    const now = performance.now();
    latencies.push((now - sentAt) * 1000);
    sentAt = now;
    call.write(message);
  });
  call.on('error', (error: Error) => {
    console.error(error.message);
    process.exit(1);
  });
  call.write(message);
}

for (const client of clients) for (let count = 0; count < Number(streams); count++) stream(client);
setTimeout(
  () => {
    const sorted = latencies.toSorted((a, b) => a - b);
    const [p50Us, p99Us, p999Us] = [0.5, 0.99, 0.999].map((share) => quantileOf(sorted, share));
    console.log(JSON.stringify({ count: sorted.length, p50Us, p99Us, p999Us, errors: 0, unanswered: 0 }));
    process.exit(0);
  },
  Number(seconds) * 1000,
);
