import { maxEventBytes, maxEventsPerAppend, type ExpectedVersion, type NewEvent } from './event-store.ts';

/** What a store throws. Match on `code`. */
export class StoreError extends Error {
  readonly code: 'conflict' | 'unavailable' | 'too_large';

  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** The stream was not as the writer believed. `actual` is undefined when the stream does not exist. */
export class ConflictError extends StoreError {
  readonly expected: ExpectedVersion;
  readonly actual: bigint | undefined;

  constructor(stream: string, expected: ExpectedVersion, actual: bigint | undefined) {
    super('conflict', `stream ${stream}: expected version ${expected}, is ${actual ?? 'absent'}`);
    this.name = 'ConflictError';
    this.expected = expected;
    this.actual = actual;
  }
}

/** The store cannot be reached. `certain`: nothing was written; otherwise it may have been (read again, or repeat). */
export class StoreUnavailableError extends StoreError {
  readonly certain: boolean;

  constructor(message: string, certain: boolean, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'StoreUnavailableError';
    this.certain = certain;
  }
}

/** More events, or a bigger event, than the store takes. */
export class TooLargeError extends StoreError {
  constructor(message: string) {
    super('too_large', message);
    this.name = 'TooLargeError';
  }
}

/** The versions that `expected` allows: does a stream at `actual` meet it? */
export function meetsExpectation(expected: ExpectedVersion, actual: bigint | undefined): boolean {
  if (expected === 'any') return true;
  if (expected === 'none') return actual === undefined;
  if (expected === 'exists') return actual !== undefined;
  return actual === expected;
}

/** The JSON texts of the events' data, after the size limits were checked. */
export function encodeData(events: readonly NewEvent[]): readonly string[] {
  if (events.length === 0 || events.length > maxEventsPerAppend) {
    throw new TooLargeError(`an append carries 1 to ${maxEventsPerAppend} events, not ${events.length}`);
  }
  return events.map((event) => {
    const text = JSON.stringify(event.data);
    if (Buffer.byteLength(text) > maxEventBytes) {
      throw new TooLargeError(`event ${event.type} is larger than ${maxEventBytes} bytes`);
    }
    return text;
  });
}
