/** Field lines between HTTP/2 sessions and header maps, in both directions. */
import assert from 'node:assert/strict';
import { HeaderMap } from '../http1/header-map.ts';
import { forbiddenTrailers } from '../http1/trailers.ts';
import { factsOf, isFieldValue, isSound } from '../http2/field-names.ts';
import type { FieldLines } from '../http2/field-section.ts';
import type { HpackEncoder } from '../http2/hpack/encoder.ts';

const notInTrailers: ReadonlySet<string> = new Set(forbiddenTrailers);

/** The map of received lines. */
export function toHeaderMap({ names, values, length, sensitive = null }: FieldLines): HeaderMap {
  const headers = HeaderMap.ofTexts(names, values, length);
  headers.sensitive = sensitive;
  return headers;
}

/** The map of received trailers, without fields that have no business there (RFC 9110 6.5.1). */
export function toTrailers({ names, values, length, sensitive = null }: FieldLines): HeaderMap {
  const trailers = HeaderMap.ofTexts(names, values, length);
  trailers.sensitive = sensitive;
  for (let i = 0; i < length; i++) {
    const name = names[i] ?? '';
    if (notInTrailers.has(name)) trailers.remove(name);
  }
  return trailers;
}

/**
 * Checks and gathers what a map holds before any of it is encoded, since an encoder's table cannot go back. Fields of a connection
 * do not go out (RFC 9113 8.2.2), nor `content-length`, which is its message's to say. One a worker, used without yielding.
 */
class Gatherer {
  names: string[] = [];
  values: string[] = [];
  length = 0;
  sensitive: ReadonlySet<string> | null = null;
  /** Value of `content-length`, or empty. */
  declaredLength = '';
  isTrailers = false;

  readonly visit = (name: string, value: string): void => {
    const facts = factsOf(name);
    switch (facts.kind) {
      case 'plain':
      case 'cookie':
      case 'expect':
        break;
      case 'contentLength':
        this.declaredLength = value;
        return;
      case 'te':
        if (value !== 'trailers') return;
        break;
      case 'connection':
      case 'host':
      case 'drop':
        return;
      case 'pseudo':
      case 'unknownPseudo':
      case 'invalid':
        assert.fail(`not a field name: ${JSON.stringify(name)}`);
    }
    if (this.isTrailers && notInTrailers.has(name)) return;
    this.names[this.length] = name;
    this.values[this.length++] = isSound(facts, value) ? value : trimmed(name, value);
  };

  gather(headers: HeaderMap, isTrailers: boolean): void {
    this.length = 0;
    this.declaredLength = '';
    this.isTrailers = isTrailers;
    this.sensitive = headers.sensitive;
    headers.forEach(this.visit);
  }
}

const gatherer = new Gatherer();

/** Checks the fields of a message's head. Then its pseudo-headers are encoded, and these by {@link encodeGathered}. */
export function gatherFields(headers: HeaderMap): void {
  gatherer.gather(headers, false);
}

/** What the gathered fields say of `content-length`, or empty. */
export function gatheredLength(): string {
  return gatherer.declaredLength;
}

/** Encodes the gathered fields, and `content-length` if `length` is not empty. */
export function encodeGathered(encoder: HpackEncoder, length: string): void {
  const { names, values, length: count, sensitive } = gatherer;
  for (let i = 0; i < count; i++) {
    const name = names[i] ?? '';
    encoder.field(name, values[i] ?? '', sensitive !== null && sensitive.has(name));
  }
  if (length !== '') encoder.field('content-length', length);
}

/** The lines of trailers to send. */
export function linesOfTrailers(trailers: HeaderMap): FieldLines {
  gatherer.gather(trailers, true);
  const { names, values, length, sensitive } = gatherer;
  return { names: names.slice(0, length), values: values.slice(0, length), length, sensitive };
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
