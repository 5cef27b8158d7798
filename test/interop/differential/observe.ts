/** Puts one row of the table through one proxy, and tells what was seen in words that do not depend on ports and clocks. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import type { Case, ListenerName, Ports, Protocols, Send } from './case.ts';
import { readHead, type Fields, type Message } from './http-text.ts';
import { exchange, type Received } from './raw-client.ts';
import type { Arrival, ScriptedUpstream } from './scripted-upstream.ts';

/** A proxy under test, with its upstream and its access log. */
export type Bench = Readonly<{
  listeners: Readonly<Record<ListenerName, number>>;
  upstream: ScriptedUpstream;
  logPath: string;
  protocols: Protocols;
}>;

/** What a row showed: compared as a whole, line by line. */
export type Observation = Readonly<{
  client: readonly ReturnType<typeof describeReceived>[];
  upstream: readonly ReturnType<typeof describeArrival>[];
  log: readonly unknown[];
}>;

/** Runs a row. */
export async function observe(bench: Bench, row: Case): Promise<Observation> {
  const { upstream, logPath } = bench;
  const linesBefore = (await logLines(logPath)).length;
  upstream.begin(row.upstream);
  const port = bench.listeners[row.listener ?? 'plain'];
  const received = await sendAll(bench, port, toSends(row));
  const expected =
    row.logLines ??
    received.reduce((sum, one) => sum + Math.max(one.responses.filter(isFinal).length, one.failed ?? 0), 0);
  const lines = await awaitLines(logPath, linesBefore, expected);
  const names = new PortNames(upstream.ports, port, upstream.arrivals[0]?.host === 'b');
  return {
    client: received.map((one) => describeReceived(one, names)),
    upstream: upstream.arrivals.map((arrival) => describeArrival(arrival, names)),
    log: lines
      .map((line) => describeLog(line, names))
      .toSorted(byText)
      .map((line) => JSON.parse(line) as unknown),
  };
}

function toSends(row: Case): readonly Send[] {
  return typeof row.send === 'string' || Buffer.isBuffer(row.send) ? [{ bytes: row.send }] : row.send;
}

async function sendAll({ upstream, protocols }: Bench, port: number, sends: readonly Send[]): Promise<Received[]> {
  const results: Promise<Received>[] = [];
  for (const send of sends) {
    if (send.pauseMs !== undefined) await sleep(send.pauseMs);
    const before = upstream.arrivals.length;
    const arrived = () => eventually(() => upstream.arrivals.length > before, 5000, 5).then(() => undefined);
    const to = { port, isHttp2: protocols.downstream === 'http2' };
    const result = exchange(to, send, send.hangsUp === true ? arrived() : null);
    results.push(result);
    if (send.isHeld === true) await arrived();
    else await result;
  }
  upstream.release();
  return Promise.all(results);
}

function isFinal({ head }: Message): boolean {
  const status = Number(head.start.slice(9, 12));
  return status >= 200 || status === 101;
}

/** Whole lines: the last one may be half written. */
async function logLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '');
}

/** The lines that a row brought. Those that never come are missing from the observation, which the comparison shows. */
async function awaitLines(path: string, before: number, expected: number): Promise<string[]> {
  const deadline = Date.now() + 3000;
  for (;;) {
    const lines = (await logLines(path)).slice(before);
    if (lines.length >= expected || Date.now() > deadline) return lines;
    await sleep(10);
  }
}

/** Ports by name. Which of `a` and `b` is met first is chance: the first is called `a`. */
class PortNames {
  readonly #byPort: Map<string, string>;
  readonly #isSwapped: boolean;

  constructor(ports: Ports, listener: number, isSwapped: boolean) {
    this.#isSwapped = isSwapped;
    this.#byPort = new Map([
      [String(listener), 'listener'],
      ...Object.entries(ports).map(([name, port]) => [String(port), this.hostName(name)] as const),
    ]);
  }

  hostName(name: string): string {
    if (!this.#isSwapped) return name;
    return name === 'a' ? 'b' : name === 'b' ? 'a' : name;
  }

  replaceIn(text: string): string {
    return text.replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `<${this.#byPort.get(port) ?? 'client'}>`);
  }
}

/** To clients of this machine Envoy says the machine's address where we say the loopback's. */
const ownAddress = new RegExp(
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address.replaceAll('.', String.raw`\.`))
    .join('|'),
);

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function describeFields(fields: Fields, names: PortNames): string[] {
  return fields
    .map(([name, value]) => {
      const lower = name.toLowerCase();
      const text = names.replaceIn(value).replaceAll(uuid, '<uuid>');
      if (lower === 'connection') return `${lower}: ${text.toLowerCase()}`;
      if (lower === 'x-forwarded-for') return `${lower}: ${text.replace(ownAddress, '127.0.0.1')}`;
      if (lower === 'date') return 'date: <date>';
      if (lower === 'x-envoy-upstream-service-time') return `${lower}: <ms>`;
      if (lower === 'set-cookie') return `${lower}: ${text.replace(/"[0-9a-f]{16}"/, '<random>')}`;
      if (lower === 'grpc-timeout' && text.endsWith('m')) return `${lower}: ${roundUp(Number.parseInt(text, 10))}m`;
      if (lower === 'x-envoy-expected-rq-timeout-ms') return `${lower}: ${roundUp(Number(value))}`;
      return `${lower}: ${text}`;
    })
    .map((line, index) => ({ line, index, name: line.split(':')[0] ?? '' }))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.index - b.index))
    .map(({ line }) => line);
}

function describeReceived({ responses, rest, end }: Received, names: PortNames) {
  return {
    responses: responses.map(({ head, body, trailers }) => ({
      start: head.start,
      fields: describeFields(head.fields, names),
      body: describeBody(body),
      trailers: describeFields(trailers, names),
    })),
    rest: describeRest(rest, names),
    end,
  };
}

/** A response that was cut off, or what an upgraded connection brought. */
function describeRest(rest: string, names: PortNames) {
  const found = rest.startsWith('HTTP/1.1 ') ? readHead(Buffer.from(rest, 'latin1')) : null;
  if (found === null) return rest;
  return {
    start: found.head.start,
    fields: describeFields(found.head.fields, names),
    body: rest.slice(found.size),
  };
}

function describeArrival({ host, start, fields, body, trailers, isWhole }: Arrival, names: PortNames) {
  return {
    host: names.hostName(host),
    start,
    fields: describeFields(fields, names),
    body: describeBody(body),
    trailers: describeFields(trailers, names),
    isWhole,
  };
}

function describeBody(body: Buffer): string {
  return body.length <= 300 ? body.toString('latin1') : `${body.length} bytes: ${body.toString('latin1', 0, 20)}...`;
}

/** The words in which a failure is told are each proxy's own: after a bar in the details, and the whole transport failure. */
function describeLog(line: string, names: PortNames): string {
  const fields = JSON.parse(names.replaceIn(line).replaceAll(uuid, '<uuid>')) as Record<string, unknown>;
  fields['details'] = String(fields['details']).replace(/\|.*(?=\}$)/, '');
  if (fields['failure'] !== null) fields['failure'] = '<text>';
  return JSON.stringify(fields, Object.keys(fields).toSorted(byText));
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Time that is left, without the moments that went by until the attempt was sent. */
function roundUp(ms: number): number {
  const step = ms > 1000 ? 250 : 50;
  return Math.ceil(ms / step) * step;
}
