import { get } from '#shared/runtime/node-http.ts';

/** The answer to a GET of something on this machine, or null when there is none in time. Takes no proxy, whatever the environment says. */
export function ask(url: string, timeoutMs = 1000): Promise<Readonly<{ status: number; body: string }> | null> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: timeoutMs, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', () => resolve(null));
  });
}
