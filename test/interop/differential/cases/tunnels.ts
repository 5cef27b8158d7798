/** TCP proxies: bytes go through as they are, and the log says how the connection ended. */
import { cluster } from '../bootstrap.ts';
import type { Case, Feature } from '../case.ts';
import { request } from '../case.ts';

const get = request('GET /', 'tunnels.test');
const row = (name: string, more: Omit<Case, 'name' | 'logLines'>): Case => ({ name, logLines: 1, ...more });

export const tunnels: Feature = {
  name: 'tunnels',
  clusters: ({ refused }) => [cluster('tcp-refused', [refused]), cluster('tcp-empty', [])],
  cases: [
    row('bytes go through as they are', { listener: 'tcp', send: request('GET /', 'tunnels.test', ['X-Case: Kept']) }),
    row('the upstream ends the connection', {
      listener: 'tcp',
      send: [{ bytes: get, responses: 2 }],
      upstream: [{ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', ending: 'close' }],
    }),
    row('the upstream refuses', { listener: 'tcpRefused', send: [{ bytes: get, responses: 0 }] }),
    row('there is no upstream', { listener: 'tcpEmpty', send: [{ bytes: get, responses: 0 }] }),
  ],
};
