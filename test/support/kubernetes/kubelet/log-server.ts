/** What `kubectl logs` asks of a kubelet: HTTPS on port 10250 of the node, with a certificate that nobody looks at. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';

export const kubeletPort = 10_250;

/** Path of a container's log; undefined when there is no such container. */
export type LogFile = (namespace: string, pod: string, container: string) => string | undefined;

export class LogServer {
  readonly #server: Server;

  constructor(folder: string, logFile: LogFile) {
    const [key, cert] = [join(folder, 'kubelet.key'), join(folder, 'kubelet.crt')];
    const kind = [
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=node',
      '-days',
      '2',
    ];
    execFileSync('openssl', ['req', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    this.#server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'https://node');
      const [, kind, namespace = '', pod = '', container = ''] = pathname.split('/');
      const file = kind === 'containerLogs' ? logFile(namespace, pod, container) : undefined;
      if (file === undefined) return response.writeHead(404).end(`no ${pathname}\n`);
      const tail = searchParams.get('tailLines');
      readFile(file, 'utf8').then(
        (text) => response.end(tail === null ? text : lastLines(text, Number(tail))),
        () => response.writeHead(404).end('no log\n'),
      );
    });
  }

  async listen(address: string): Promise<void> {
    this.#server.listen(kubeletPort, address);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function lastLines(text: string, count: number): string {
  const lines = text.split('\n');
  const whole = text.endsWith('\n') ? lines.slice(0, -1) : lines;
  return count === 0
    ? ''
    : whole
        .slice(-count)
        .map((line) => `${line}\n`)
        .join('');
}
