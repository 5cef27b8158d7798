/** What must hold between what was sent, what arrived, and what came back. Pure; each difference is one line. */
import { answerTo, type Arrivals } from './apps.ts';
import type { Http1Answer, Http2Answer } from './clients.ts';
import type { Meaning } from './http2-requests.ts';
import { differenceOf, endToEnd, type Field, type Message } from './message.ts';
import { readRequests, type Reading } from './request-reader.ts';
import { readResponses, type Response, type ResponseReading } from './response-reader.ts';

/** What came of a case: how many requests arrived, why others were refused, and what must not be. */
export type Verdict = { arrived: number; refused: string[]; differences: string[] };

const refusals = new Set([400, 403, 404, 405, 408, 411, 413, 414, 417, 421, 426, 431, 501, 505]);

/** Requests of HTTP/1.1 on one connection. */
export function judgeHttp1(octets: string, arrivals: Arrivals, answer: Http1Answer): Verdict {
  const sent = readRequests(octets, true);
  const walk = new Walk(sent, arrivals.messages, answer);
  walk.messages();
  walk.rest();
  const differences = [...arrivals.violations, ...walk.differences, ...brokenOff(sent, arrivals)];
  if (answer.end === 'stuck') differences.push('the connection is stuck');
  return { arrived: arrivals.messages.length, refused: walk.refused, differences };
}

/** Goes along what was sent, what arrived and what was answered: each request arrives and has its answer, or is refused for a reason. */
class Walk {
  readonly differences: string[] = [];
  readonly refused: string[] = [];
  readonly #sent: Reading;
  readonly #arrived: readonly Message[];
  readonly #answer: Http1Answer;
  readonly #answers: ResponseReading;
  #arrivals = 0;
  #responses = 0;

  constructor(sent: Reading, arrived: readonly Message[], answer: Http1Answer) {
    this.#sent = sent;
    this.#arrived = arrived;
    this.#answer = answer;
    const begun = sent.begun?.method ?? (/^\s*HEAD /.test(sent.rest) ? 'HEAD' : 'GET');
    const methods = [...sent.messages.map(({ method }) => method), begun];
    this.#answers = readResponses(answer.octets, methods, answer.end === 'closed');
  }

  messages(): void {
    for (const [index, message] of this.#sent.messages.entries()) {
      if (this.#isClosed) return;
      const arrived = this.#arrived[this.#arrivals];
      const difference = arrived === undefined ? 'did not arrive' : differenceOf(message, arrived);
      const why = mayRefuse(this.#sent, index);
      if (difference === null) this.#takeAnswer(message.method);
      else if (why !== null) this.#takeRefusal(why);
      else {
        this.differences.push(`request ${index + 1}: ${difference}: ${JSON.stringify(message)}`);
        return;
      }
    }
  }

  /** What is left when all whole requests are done with. */
  rest(): void {
    const { end } = this.#sent;
    for (const message of this.#arrived.slice(this.#arrivals))
      this.differences.push(`was not sent (${end}): ${JSON.stringify(message)}`);
    if (!this.#isClosed && end !== 'clean' && end !== 'closed') this.#takeRefusal(end);
    const { responses, end: last } = this.#answers;
    if (this.#responses < responses.length)
      this.differences.push(`${responses.length} answers, ${this.#responses} expected`);
    // Whoever refuses octets before the line in which HEAD stands is read answers with a body, and closes.
    const isBody = (responses.at(-1)?.status ?? 0) >= 400 && !this.#answers.rest.includes('HTTP/');
    if (last.startsWith('invalid') || (last === 'closed' && this.#answers.rest !== '' && !isBody))
      this.differences.push(`answers: ${last}, ${JSON.stringify(this.#answers.rest.slice(0, 300))}`);
  }

  /** The last answer said that there will be no other. */
  get #isClosed(): boolean {
    return this.#answers.end === 'closed' && this.#responses >= this.#answers.responses.length;
  }

  #takeAnswer(method: string): void {
    const expected = method === 'HEAD' ? '' : answerTo(++this.#arrivals);
    if (method === 'HEAD') this.#arrivals++;
    const answer = this.#answers.responses[this.#responses++];
    if (answer === undefined && this.#answer.end !== 'closed') return;
    if (answer?.status !== 200 || answer.body !== expected)
      this.differences.push(`answer ${this.#responses}: ${JSON.stringify(answer)}, not ${expected}`);
  }

  #takeRefusal(why: string): void {
    this.refused.push(why);
    const answer = this.#answers.responses[this.#responses];
    if (answer === undefined) return;
    this.#responses++;
    if (!refusals.has(answer.status)) this.differences.push(`refused with ${JSON.stringify(answer)} for ${why}`);
  }
}

/** Why a request that may stand there may be refused, or null. */
function mayRefuse({ messages, tolerated }: Reading, index: number): string | null {
  const message = messages[index];
  if (message === undefined) return null;
  const tolerance = tolerated.get(index);
  if (tolerance !== undefined) return tolerance;
  if (message.method === 'CONNECT') return 'CONNECT';
  if (!/^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|PROPFIND)$/.test(message.method)) return 'unknown method';
  if (message.path === '*') return 'no route for *';
  if (message.authority === '') return 'no authority';
  if (Number(/:(\d+)$/.exec(message.authority)?.[1] ?? 0) > 0xffff) return 'port';
  return null;
}

/** A request may arrive in part if it was sent in part, or went wrong behind its head. */
function brokenOff(sent: Reading, { broken, messages }: Arrivals): string[] {
  if (broken.length === 0) return [];
  if (broken.length > 1 || messages.length > sent.messages.length || sent.begun === null)
    return broken.map((message) => `arrived in part: ${JSON.stringify(message)}`);
  const [arrived] = broken;
  const { begun } = sent;
  if (arrived === undefined || begun.body.startsWith(arrived.body) || arrived.body.startsWith(begun.body)) return [];
  return [`arrived in part, and other than it was sent: ${JSON.stringify(arrived)}`];
}

/** One request of HTTP/2 that went on as HTTP/1.1. */
export function judgeHttp2(
  { message, wrong, may, isDeclared }: Meaning,
  arrivals: Arrivals,
  answer: Http2Answer,
): Verdict {
  const { messages, broken } = arrivals;
  const verdict: Verdict = { arrived: messages.length, refused: [], differences: [...arrivals.violations] };
  const { differences } = verdict;
  if (answer.end === 'stuck') differences.push('the stream is stuck');
  if (messages.length > 1) differences.push(`${messages.length} requests arrived: ${JSON.stringify(messages)}`);
  const [arrived] = messages;
  if (arrived === undefined) {
    verdict.refused.push(wrong ?? may ?? '');
    if (wrong === null && may === null)
      differences.push(`did not arrive, ${answer.status} ${answer.end}: ${JSON.stringify(message)}`);
    if (wrong === null && broken.length > 0) differences.push(`arrived in part: ${JSON.stringify(broken)}`);
    if (answer.status !== 0 && !refusals.has(answer.status)) differences.push(`refused with ${answer.status}`);
    return verdict;
  }
  const meant =
    wrong === 'more than content-length' ? { ...message, body: message.body.slice(0, arrived.body.length) } : message;
  // With its declared length a request is whole in HTTP/1.1, whatever is found to be wrong behind that.
  const isLate = isDeclared && wrong?.endsWith('in trailers') === true;
  const isEarly = wrong === 'more than content-length' || wrong === 'reset' || isLate;
  if (wrong !== null && !isEarly) differences.push(`arrived in spite of: ${wrong}: ${JSON.stringify(arrived)}`);
  else if (wrong !== 'reset') {
    // A body of known length has no trailers in HTTP/1.1.
    const losesTrailers = isEarly || isDeclared;
    push(differences, differenceOf(losesTrailers ? { ...meant, trailers: [] } : meant, arrived));
  } else if (!message.body.startsWith(arrived.body)) differences.push(`reset, and arrived with another body`);
  if (wrong === null && (answer.status !== 200 || answer.body !== (message.method === 'HEAD' ? '' : answerTo(1))))
    differences.push(`answer: ${answer.end} ${answer.status} ${JSON.stringify(answer.body)}`);
  return verdict;
}

/**
 * What arrived of frames, and what nghttp2 reads in them, where violations are its own refusals. It also refuses some of what is right,
 * such as the same content-length twice: `meant` is what was put into the frames and is right.
 */
export function judgeFrames(arrivals: Arrivals, read: Arrivals, meant: readonly Message[]): Verdict {
  const verdict: Verdict = { arrived: arrivals.messages.length, refused: [], differences: [...arrivals.violations] };
  // It gives up on connections where we give up on a stream only, and reads no further.
  if (read.violations.length > 0) return verdict;
  const left = read.messages.map(withoutFragment);
  const broken = read.broken.map(withoutFragment);
  const began = [...left, ...broken, ...meant];
  for (const message of arrivals.messages) {
    const at = left.findIndex((each) => isSame(each, message) || isSame({ ...each, trailers: [] }, message));
    if (at >= 0) left.splice(at, 1);
    else if (![...broken, ...meant].some((each) => isBeginning(message, each)))
      verdict.differences.push(`arrived, but is not read: ${JSON.stringify(message)}, read: ${JSON.stringify(read)}`);
  }
  for (const message of arrivals.broken)
    if (!began.some((each) => isBeginning(message, each)))
      verdict.differences.push(
        `began to arrive, but is not read: ${JSON.stringify(message)}, read: ${JSON.stringify(read)}`,
      );
  if (arrivals.messages.length < read.messages.length) verdict.refused.push('frames');
  return verdict;
}

const withoutFragment = (message: Message): Message => ({ ...message, path: message.path.replace(/#.*/, '') });

const isSame = (sent: Message, arrived: Message): boolean => differenceOf(sent, arrived) === null;

/** Whether a message may be what was forwarded of another before that went wrong: its declared length is whole in HTTP/1.1. */
function isBeginning(part: Message, whole: Message): boolean {
  const isPart = whole.body.startsWith(part.body) || part.body.startsWith(whole.body);
  return isPart && isSame({ ...whole, body: '', trailers: [] }, { ...part, body: '', trailers: [] });
}

function push(list: string[], difference: string | null): void {
  if (difference !== null) list.push(difference);
}

/** A response as a client got it: whole, or broken off. */
export type Received = Readonly<{ response: Response; isWhole: boolean }>;

const ownFields = /^(?:server|date|x-envoy-.*|x-request-id)$/;

/**
 * What an application answered, whatever it was, and what its client got: the same, or a refusal, or its beginning broken off. After
 * it the next request of the client must have an answer of its own.
 */
export function judgeResponse(octets: string, method: string, received: Received | null): Verdict {
  const sent = readResponses(octets, [method], true, true);
  const [meant] = sent.responses;
  const verdict: Verdict = { arrived: 0, refused: [], differences: [] };
  if (received === null) {
    verdict.refused.push(sent.end);
    if (meant !== undefined) verdict.differences.push(`no response instead of ${JSON.stringify(meant)}`);
    return verdict;
  }
  const { response, isWhole } = received;
  if (response.status === 502 || response.status === 503) {
    verdict.refused.push(meant === undefined ? sent.end : 'tolerated response');
    const [right] = readResponses(octets, [method], true).responses;
    if (right !== undefined) verdict.differences.push(`refused: ${JSON.stringify(right)}`);
    return verdict;
  }
  const expected = meant ?? sent.begun;
  if (expected === null) verdict.differences.push(`from ${sent.end}: ${JSON.stringify(response)}`);
  else push(verdict.differences, differenceOf(asMessage(expected, isWhole), asMessage(response, isWhole)));
  if (isWhole && meant === undefined)
    verdict.differences.push(`whole, in spite of: ${sent.end}: ${JSON.stringify(response)}`);
  if (!isWhole && meant !== undefined) verdict.differences.push(`broken off: ${JSON.stringify(response)}`);
  verdict.arrived = isWhole ? 1 : 0;
  return verdict;
}

/** For comparison; what was broken off may end anywhere. */
function asMessage({ status, fields, body, trailers }: Response, isWhole: boolean): Message {
  const own = (list: readonly Field[]) => endToEnd(list).filter(([name]) => !ownFields.test(name));
  const head = { method: String(status), path: '', authority: '', fields: own(fields) };
  return { ...head, body: isWhole ? body : '', trailers: isWhole ? trailers : [] };
}
