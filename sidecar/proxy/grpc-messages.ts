/**
 * Counts the messages of gRPC calls. A message is five octets, the last four of which are its length, and then so many octets
 * (gRPC over HTTP/2, Length-Prefixed-Message); it counts as soon as it begins, as in Envoy (Grpc::FrameInspector).
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Observation } from './exchange-host.ts';

const prefixLength = 5;

/** Of one direction, however its octets are cut into chunks. */
export class MessageCounter {
  /** Messages that have begun. */
  count = 0;
  /** Octets of the present message that are still to come. */
  #rest = 0;
  /** Octets of a prefix that came apart, and the length as far as they say it. */
  #prefix = 0;
  #length = 0;

  /** Takes the next octets. */
  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#rest > 0) {
        const step = Math.min(this.#rest, bytes.length - at);
        this.#rest -= step;
        at += step;
      } else if (this.#prefix === 0 && bytes.length - at >= prefixLength) {
        this.count++;
        this.#rest = bytes.readUInt32BE(at + 1);
        at += prefixLength;
      } else {
        this.#takeOfPrefix(bytes[at++] ?? 0);
      }
    }
  }

  #takeOfPrefix(octet: number): void {
    if (this.#prefix === 0) this.count++;
    else this.#length = this.#length * 256 + octet;
    if (++this.#prefix < prefixLength) return;
    this.#rest = this.#length;
    this.#prefix = this.#length = 0;
  }
}

/** The messages of one call. */
export class CallMessages {
  readonly requests = new MessageCounter();
  readonly responses = new MessageCounter();
  /** The answer is gRPC too: what comes else in answer to a call has no messages. */
  isAnsweredInKind = false;
  /** Those that were reported. */
  toldRequests = 0;
  toldResponses = 0;
  /** Where {@link LiveCalls} has it; -1: nowhere. */
  place = -1;
}

/** A call whose messages are counted. */
export interface LiveCall {
  readonly messages: CallMessages | null;
  observation(): Observation;
}

/** How often calls under way are counted (Istio's `tcp_reporting_duration`). */
const reportEveryMs = 5000;

/**
 * The calls under way of one worker: their messages are counted while they last, since a stream may last for days. They stand in an
 * array, and each knows its place: a `Set` from which so much is removed keeps garbage alive (see `OpenStreams`).
 */
export class LiveCalls {
  readonly #clock: Clock;
  readonly #count: (observation: Observation, requests: number, responses: number) => void;
  readonly #calls: LiveCall[] = [];
  #isWaiting = false;

  constructor(clock: Clock, count: (observation: Observation, requests: number, responses: number) => void) {
    this.#clock = clock;
    this.#count = count;
  }

  /** Its answer has begun: from now on it is certain who answers. `isInKind`: the answer is gRPC as well. */
  begin(call: LiveCall, isInKind: boolean): void {
    const { messages } = call;
    if (messages === null) return;
    messages.isAnsweredInKind = isInKind;
    if (messages.place < 0) messages.place = this.#calls.push(call) - 1;
    this.#wait();
  }

  /** The call is over. */
  end(call: LiveCall): void {
    this.#remove(call.messages);
    this.#report(call);
  }

  /** One timer for all, and only while there is one. */
  #wait(): void {
    if (this.#isWaiting || this.#calls.length === 0) return;
    this.#isWaiting = true;
    this.#clock.after(reportEveryMs, () => {
      this.#isWaiting = false;
      for (const call of this.#calls) this.#report(call);
      this.#wait();
    });
  }

  /** The last one takes its place. */
  #remove(messages: CallMessages | null): void {
    if (messages === null || messages.place < 0) return;
    const last = this.#calls.pop();
    if (last !== undefined && last.messages !== null && last.messages !== messages) {
      this.#calls[messages.place] = last;
      last.messages.place = messages.place;
    }
    messages.place = -1;
  }

  #report(call: LiveCall): void {
    const { messages } = call;
    if (messages === null) return;
    const requests = messages.requests.count - messages.toldRequests;
    const responses = messages.responses.count - messages.toldResponses;
    if (requests === 0 && responses === 0) return;
    messages.toldRequests += requests;
    messages.toldResponses += responses;
    this.#count(call.observation(), requests, responses);
  }
}
