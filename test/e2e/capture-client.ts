/**
 * Programs that know of no mesh: `node capture-client.ts PROBES`, a JSON list of `{"kind": "tcp" | "udp", "host", "port"}`. TCP listens
 * first, then says `ping`; UDP says `ping`. Prints what came back of each, as a JSON list, or `error CODE`.
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

export type Probe = Readonly<{ kind: 'tcp' | 'udp'; host: string; port: number }>;

const timeoutMs = 10_000;

function tcp({ host, port }: Probe): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    const end = (result: string) => {
      resolve(result);
      socket.destroy();
    };
    socket.setTimeout(timeoutMs, () => end(`error no more after '${text}'`));
    socket.on('error', (error: NodeJS.ErrnoException) => end(`error ${error.code ?? error.message}`));
    socket.on('end', () => end(`error ended after '${text}'`));
    socket.on('data', (bytes) => {
      // The server was first.
      if (text === '') socket.write('ping');
      text += bytes.toString();
      if (text.endsWith('ping')) end(text.replace('\n', ' '));
    });
  });
}

function udp({ host, port }: Probe): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => end('error no answer'), timeoutMs);
    const end = (result: string) => {
      clearTimeout(timer);
      resolve(result);
      socket.close();
    };
    socket.on('error', (error: NodeJS.ErrnoException) => end(`error ${error.code ?? error.message}`));
    socket.on('message', (message) => end(message.toString()));
    socket.send('ping', port, host);
  });
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- handed over by the tests
const probes = JSON.parse(process.argv[2] ?? '[]') as readonly Probe[];
const results = await Promise.all(probes.map((probe) => (probe.kind === 'tcp' ? tcp(probe) : udp(probe))));
process.stdout.write(JSON.stringify(results));
