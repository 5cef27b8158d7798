/** One case of the fuzz: made from a number, played in a lane, judged. */
import * as fc from 'fast-check';
import { connectionPreface } from '../../../sidecar/http2/frames.ts';
import { aSettings } from '../../../sidecar/http2/session.fixture.ts';
import { byteChanges, mutateBytes } from '../mutations.fixture.ts';
import { Http2Talk, pourHttp2, talkHttp1, type Progress } from './clients.ts';
import { answerTo } from './apps.ts';
import { anyRequests, anyResponse } from './http1-octets.ts';
import { anyHttp2Request, framesOf, meaningOf, type Http2Request } from './http2-requests.ts';
import { judgeFrames, judgeHttp1, judgeHttp2, judgeResponse, type Verdict } from './judge.ts';
import { readRequests, type Reading } from './request-reader.ts';
import { readResponses } from './response-reader.ts';
import type { Lane } from './world.ts';

/** By the remainder of a case's number. */
export const kinds = [
  '1 to 2 to 1',
  '2 to 1',
  '2 to 1, mutated frames',
  '1 to 2',
  'response to 1',
  'response to 2',
] as const;
export type Kind = (typeof kinds)[number];

/** What came of a case. `input`: what was sent, to be looked at. */
export type Outcome = Verdict & Readonly<{ seed: number; kind: Kind; input: unknown }>;

export function kindOf(seed: number): Kind {
  return kinds[seed % kinds.length] ?? '1 to 2 to 1';
}

/** Plays the case of this number. */
export async function playCase(seed: number, lane: Lane): Promise<Outcome> {
  const kind = kindOf(seed);
  lane.http1.take();
  lane.http2.take();
  switch (kind) {
    case '1 to 2 to 1':
    case '1 to 2':
      return playHttp1(seed, kind, lane);
    case '2 to 1':
      return playHttp2(seed, kind, lane);
    case '2 to 1, mutated frames':
      return playFrames(seed, kind, lane);
    case 'response to 1':
    case 'response to 2':
      return playResponse(seed, kind, lane);
  }
}

function draw<T>(arbitrary: fc.Arbitrary<T>, seed: number): T {
  const [value] = fc.sample(arbitrary, { seed, numRuns: 1 });
  return value as T;
}

const http1Case = fc.record({ octets: anyRequests, cuts: fc.array(fc.nat(400), { maxLength: 4 }) });

async function playHttp1(seed: number, kind: Kind, lane: Lane): Promise<Outcome> {
  const { octets, cuts } = draw(http1Case, seed);
  const app = kind === '1 to 2' ? lane.http2 : lane.http1;
  const port = kind === '1 to 2' ? lane.up : lane.mux;
  const answer = await talkHttp1(port, cut(octets, cuts), answersOf(readRequests(octets, true)));
  await settle(port);
  const arrivals = app.take();
  arrivals.messages = arrivals.messages.filter(({ path }) => path !== barrier);
  return { seed, kind, input: { octets, cuts, answer: answer.octets }, ...judgeHttp1(octets, arrivals, answer) };
}

/** A path that no case has. */
const barrier = '/behind-the-case';

/** What the case's connection began has arrived when a request behind it has. */
async function settle(port: number): Promise<void> {
  const request = `GET ${barrier} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  await talkHttp1(port, [Buffer.from(request)], () => 'expecting');
}

/** Behind the answers to whole requests nothing comes, or a refusal. */
function answersOf({ messages, end }: Reading): (octets: string) => Progress {
  const methods = messages.map(({ method }) => method);
  return (octets) => {
    if (readResponses(octets, methods, false).responses.length < messages.length) return 'expecting';
    return end === 'clean' || end === 'incomplete' ? 'done' : 'waiting';
  };
}

function cut(octets: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(octets, 'latin1');
  const places = [0, ...cuts.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

/** Up to three streams on one connection, one after the other; what the first break leaves is not judged. */
async function playHttp2(seed: number, kind: Kind, lane: Lane): Promise<Outcome> {
  const requests = draw(fc.array(anyHttp2Request, { minLength: 1, maxLength: 3 }), seed);
  const outcome: Outcome = { seed, kind, input: requests, arrived: 0, refused: [], differences: [] };
  const talk = new Http2Talk(lane.down);
  for (const request of requests) {
    if (talk.isOver) break;
    const verdict = await playStream(talk, request, lane);
    outcome.arrived += verdict.arrived;
    outcome.refused.push(...verdict.refused);
    outcome.differences.push(...verdict.differences);
  }
  await talk.close();
  return outcome;
}

async function playStream(talk: Http2Talk, request: Http2Request, lane: Lane): Promise<Verdict> {
  const answer = await talk.ask((id) => framesOf(request, id));
  await settle(lane.down);
  const arrivals = lane.http1.take();
  arrivals.messages = arrivals.messages.filter(({ path }) => path !== barrier);
  return judgeHttp2(meaningOf(request), arrivals, answer);
}

const framesCase = fc.record({
  requests: fc.array(anyHttp2Request, { minLength: 1, maxLength: 4 }),
  changes: fc.oneof(byteChanges, fc.constant([])),
});

/** Frames with some octets changed: no request arrives that nghttp2 does not read in them too, whole or broken off. */
async function playFrames(seed: number, kind: Kind, lane: Lane): Promise<Outcome> {
  const { requests, changes } = draw(framesCase, seed);
  const frames = requests.flatMap((request, index) => framesOf(request, 2 * index + 1));
  const octets = Buffer.concat([connectionPreface, aSettings(), mutateBytes(Buffer.concat(frames), changes)]);
  await pourHttp2(lane.down, octets);
  await settle(lane.down);
  const arrivals = lane.http1.take();
  arrivals.messages = arrivals.messages.filter(({ path }) => path !== barrier);
  const meant = requests.map(meaningOf).flatMap(({ message, wrong }) => (wrong === null ? [message] : []));
  await pourHttp2(lane.http2Port, octets);
  await lane.http2.settled();
  return { seed, kind, input: { requests, changes }, ...judgeFrames(arrivals, lane.http2.take(), meant) };
}

async function playResponse(seed: number, kind: Kind, lane: Lane): Promise<Outcome> {
  const method = ['GET', 'POST', 'HEAD'][Math.floor(seed / kinds.length) % 3] ?? 'GET';
  const octets = draw(anyResponse(method), seed);
  lane.http1.script = octets;
  // The next request does not use a connection of which the sidecar does not know yet that it has ended.
  const scriptEnd = new Promise<void>((done) => (lane.http1.onScriptEnd = done));
  const played =
    kind === 'response to 1'
      ? await overHttp1(method, octets, { lane, scriptEnd })
      : await overHttp2(method, octets, { lane, scriptEnd });
  lane.http1.script = null;
  return { seed, kind, input: { method, octets, answer: played.answer }, ...played.verdict };
}

type Scripted = Readonly<{ lane: Lane; scriptEnd: Promise<void> }>;
type Played = Readonly<{ verdict: Verdict; answer: unknown }>;

async function overHttp1(method: string, octets: string, { lane, scriptEnd }: Scripted): Promise<Played> {
  const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n';
  const request = `${method} / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n${body}`;
  const next = { when: scriptEnd, octets: Buffer.from('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n') };
  const answer = await talkHttp1(lane.mux, [Buffer.from(request)], () => 'expecting', next);
  const reading = readResponses(answer.octets, [method, 'GET'], answer.end === 'closed');
  const [first, second, ...more] = reading.responses;
  const response = first ?? reading.begun;
  const received = response === null ? null : { response, isWhole: first !== undefined };
  const verdict = judgeResponse(octets, method, received);
  if (answer.end === 'stuck') verdict.differences.push('the connection is stuck');
  if (more.length > 0) verdict.differences.push('more answers than requests');
  if (second !== undefined && second.body !== answerTo(2))
    verdict.differences.push(`the next answer: ${JSON.stringify(second)}`);
  if (second === undefined && first !== undefined && reading.end === 'clean')
    verdict.differences.push('no answer to the next request');
  if (reading.end.startsWith('invalid') || reading.rest.length > 0)
    checkRest(verdict, `${reading.end}: ${JSON.stringify(reading.rest.slice(0, 300))}`, first === undefined);
  return { verdict, answer: answer.octets };
}

/** What follows an answer that is not whole is nothing that can be read; else nothing may follow. */
function checkRest(verdict: Verdict, rest: string, isBroken: boolean): void {
  if (!isBroken || rest.startsWith('invalid')) verdict.differences.push(`after the answers: ${rest}`);
}

async function overHttp2(method: string, octets: string, { lane, scriptEnd }: Scripted): Promise<Played> {
  const talk = new Http2Talk(lane.down);
  const isPost = method === 'POST';
  const of = (verb: string, path: string): Http2Request => ({
    fields: [
      [':method', verb],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', path],
      ['te', 'trailers'],
    ],
    data: verb === 'POST' ? ['hi'] : [],
    trailers: [],
    end: verb === 'POST' ? 'data' : 'head',
  });
  const answer = await talk.ask((id) => framesOf(of(isPost ? 'POST' : method, '/'), id));
  const response = { status: answer.status, fields: answer.fields, body: answer.body, trailers: answer.trailers };
  const received = answer.status === 0 ? null : { response, isWhole: answer.end === 'answered' };
  const verdict = judgeResponse(octets, method, received);
  await scriptEnd;
  const next = await talk.ask((id) => framesOf(of('GET', '/next'), id));
  if (next.status !== 200 || next.body !== answerTo(2))
    verdict.differences.push(`the next answer: ${JSON.stringify(next)}`);
  await talk.close();
  return { verdict, answer };
}
