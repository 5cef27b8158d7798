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
  /** Where {@link LiveCalls} has it; -1: nowhere. */
  place = -1;
  #takenRequests = 0;
  #takenResponses = 0;

  /** The requests that were not taken before. */
  takeRequests(): number {
    const count = this.requests.count - this.#takenRequests;
    this.#takenRequests += count;
    return count;
  }

  /** The responses that were not taken before. */
  takeResponses(): number {
    const count = this.responses.count - this.#takenResponses;
    this.#takenResponses += count;
    return count;
  }
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

  /** The call is over; its last messages are counted with it. The last call takes its place. */
  end(messages: CallMessages): void {
    const { place } = messages;
    if (place < 0) return;
    const last = this.#calls.pop();
    if (last !== undefined && last.messages !== null && last.messages !== messages) {
      this.#calls[place] = last;
      last.messages.place = place;
    }
    messages.place = -1;
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

  #report(call: LiveCall): void {
    const requests = call.messages?.takeRequests() ?? 0;
    const responses = call.messages?.takeResponses() ?? 0;
    if (requests > 0 || responses > 0) this.#count(call.observation(), requests, responses);
  }
}
