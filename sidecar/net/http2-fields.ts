/** Field lines between HTTP/2 sessions and header maps, in both directions. */
import assert from 'node:assert/strict';
import { HeaderMap } from '../http1/header-map.ts';
import { forbiddenTrailers } from '../http1/trailers.ts';
import { factsOf, isFieldValue, isSound, type NameFacts } from '../http2/field-names.ts';
import type { FieldLines } from '../http2/field-section.ts';
import type { HpackEncoder } from '../http2/hpack/encoder.ts';

const notInTrailers: ReadonlySet<string> = new Set(forbiddenTrailers);

/** The map of received lines. */
export function toHeaderMap({ texts, length, sensitive = null }: FieldLines): HeaderMap {
  const headers = HeaderMap.ofTexts(texts, length);
  headers.sensitive = sensitive;
  return headers;
}

/** The map of received trailers, without fields that have no business there (RFC 9110 6.5.1). */
export function toTrailers({ texts, length, sensitive = null }: FieldLines): HeaderMap {
  const trailers = HeaderMap.ofTexts(texts, length);
  trailers.sensitive = sensitive;
  for (let at = 0; at < 2 * length; at += 2) {
    const name = texts[at] ?? '';
    if (notInTrailers.has(name)) trailers.remove(name);
  }
  return trailers;
}

/** Who gathers the fields of messages of one kind, one after the other. */
class Gatherer {
  /** Names and values in turns, of which the first `length` pairs count. */
  readonly texts: string[] = [];
  length = 0;
  sensitive: ReadonlySet<string> | null = null;
  /** Value of `content-length`, or empty. */
  declaredLength = '';
  readonly #isTrailers: boolean;
  /** What is known of the names of the last message, by their place in it: mostly those of the next one. */
  readonly #facts: (NameFacts | undefined)[] = [];

  constructor(isTrailers: boolean) {
    this.#isTrailers = isTrailers;
  }

  gather(headers: HeaderMap): void {
    this.declaredLength = '';
    this.sensitive = headers.sensitive;
    const lines = headers.texts();
    const { texts } = this;
    let to = 0;
    for (let i = 0; i < headers.size; i++) {
      const name = lines[2 * i] ?? '';
      const value = lines[2 * i + 1] ?? '';
      const last = this.#facts[i];
      const facts = last?.name === name ? last : (this.#facts[i] = factsOf(name));
      if (!this.#isSent(facts, value)) continue;
      texts[to++] = name;
      texts[to++] = isSound(facts, value) ? value : trimmed(name, value);
    }
    this.length = to / 2;
  }

  #isSent({ kind, name }: NameFacts, value: string): boolean {
    switch (kind) {
      case 'plain':
      case 'cookie':
      case 'expect':
        return !this.#isTrailers || !notInTrailers.has(name);
      case 'contentLength':
        this.declaredLength = value;
        return false;
      case 'te':
        return value === 'trailers' && !this.#isTrailers;
      case 'connection':
      case 'host':
      case 'drop':
        return false;
      case 'pseudo':
      case 'unknownPseudo':
      case 'invalid':
        assert.fail(`not a field name: ${JSON.stringify(name)}`);
    }
  }
}

/**
 * They check and gather what a map holds before any of it is encoded, since an encoder's table cannot go back. Fields of a connection
 * do not go out (RFC 9113 8.2.2), nor `content-length`, which is its message's to say. Of a worker, used without yielding.
 */
const gatherers = { request: new Gatherer(false), response: new Gatherer(false), trailers: new Gatherer(true) };
let gatherer = gatherers.request;

/** Checks the fields of a message's head. Then its pseudo-headers are encoded, and these by {@link encodeGathered}. */
export function gatherFields(headers: HeaderMap, kind: 'request' | 'response'): void {
  gatherer = kind === 'request' ? gatherers.request : gatherers.response;
  gatherer.gather(headers);
}

/** What the gathered fields say of `content-length`, or empty. */
export function gatheredLength(): string {
  return gatherer.declaredLength;
}

/** Encodes the gathered fields, and `content-length` if `length` is not empty. */
export function encodeGathered(encoder: HpackEncoder, length: string): void {
  const { texts, length: count, sensitive } = gatherer;
  for (let at = 0; at < 2 * count; at += 2) {
    const name = texts[at] ?? '';
    encoder.field(name, texts[at + 1] ?? '', sensitive !== null && sensitive.has(name));
  }
  if (length !== '') encoder.field('content-length', length);
}

/** The lines of trailers to send. */
export function linesOfTrailers(trailers: HeaderMap): FieldLines {
  gatherers.trailers.gather(trailers);
  const { texts, length, sensitive } = gatherers.trailers;
  return { texts: texts.slice(0, 2 * length), length, sensitive };
}

/** What to say of the length of a body: `contentLength` of the head, -1: unknown. `end`: there is none. */
export function lengthToSay(contentLength: number, end: boolean): string {
  if (!end) return contentLength >= 0 ? String(contentLength) : '';
  return gatherer.declaredLength === '0' ? '0' : '';
}

/** A filter's value with blanks around it goes out without; one that could split a message is the program's fault. */
function trimmed(name: string, value: string): string {
  const text = value.replace(/^[ \t]+|[ \t]+$/g, '');
  if (!isFieldValue(text)) assert.fail(`not a field value: ${JSON.stringify(value)} of ${name}`);
  return text;
}
