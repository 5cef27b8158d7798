/**
 * Calls URL at a steady RATE a second, whatever the answers. Prints one line of JSON a second, `{"sent","ok","failed","reasons"}` summed up
 * since the start, and on SIGTERM a last one when all answers are there.
 */
import { Agent, request } from 'node:http';

const url = process.env['URL'] ?? 'http://echo/';
const rate = Number(process.env['RATE'] ?? 50);
const agent = new Agent({ keepAlive: true });
const total = { sent: 0, ok: 0, failed: 0 };
const reasons: Record<string, number> = {};

const failed = (why: string) => {
  total.failed++;
  reasons[why] = (reasons[why] ?? 0) + 1;
};

function call(): void {
  total.sent++;
  const outgoing = request(url, { agent, timeout: 60_000 }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (body += chunk));
    response.on('error', (error) => failed(error.message));
    response.on('end', () => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) total.ok++;
      else failed(`${status} ${response.headers['x-envoy-response-flags'] ?? ''} ${body.slice(0, 120)}`);
    });
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 60 s')));
  outgoing.on('error', (error) => failed(error.message));
  outgoing.end();
}

const print = () => console.log(JSON.stringify({ ...total, reasons, at: new Date().toISOString() }));
const startedAt = performance.now();
const calls = setInterval(() => {
  const due = ((performance.now() - startedAt) / 1000) * rate;
  while (total.sent < due) call();
}, 5);
const lines = setInterval(print, 1000);

process.on('SIGTERM', () => {
  clearInterval(calls);
  clearInterval(lines);
  const wait = setInterval(() => {
    if (total.ok + total.failed < total.sent) return;
    clearInterval(wait);
    print();
    process.exit(0);
  }, 10);
});
