import { indexingOf } from './hpack/indexing.ts';

/** What a field name means to the codec; `plain` ones are passed on. */
export type NameKind =
  | 'plain'
  | 'pseudo'
  | 'unknownPseudo'
  | 'connection'
  | 'te'
  | 'host'
  | 'cookie'
  | 'contentLength'
  | 'expect'
  | 'drop'
  | 'invalid';

const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";

/** 1 for what a field name may hold in HTTP/2: octets of a token but upper case (RFC 9113 8.2.1). Index by octet. */
const isNameOctet = tableOf((octet) => octet < 0x80 && tokenCharacters.includes(String.fromCharCode(octet)));

/** 1 for octets of a token (RFC 9110 5.6.2). */
export const isTokenOctet = tableOf(
  (octet) => octet < 0x80 && tokenCharacters.includes(String.fromCharCode(octet).toLowerCase()),
);

/** 1 for octets of a field value (RFC 9110 5.5): stricter than RFC 9113 8.2.1, since no other may go on as HTTP/1.1. */
export const isValueOctet = tableOf((octet) => octet === 0x09 || (octet >= 0x20 && octet !== 0x7f));

/** 1 for what `:path` may hold: visible ASCII. */
export const isPathOctet = tableOf((octet) => octet > 0x20 && octet < 0x7f);

/** All kinds; each is noted by its place here, from 1 on. */
const kinds: readonly NameKind[] = [
  'plain',
  'pseudo',
  'unknownPseudo',
  'connection',
  'te',
  'host',
  'cookie',
  'contentLength',
  'expect',
  'drop',
  'invalid',
];

/** What is known of a name. */
export type NameFacts = {
  readonly name: string;
  readonly kind: NameKind;
  /** Its values are no credentials, so that one may be kept. */
  readonly isPublic: boolean;
  /** The last value of it that was found sound: it need not be looked at again. */
  soundValue: string;
};

const special: readonly [NameKind, readonly string[]][] = [
  ['pseudo', [':method', ':scheme', ':authority', ':path', ':protocol', ':status']],
  ['connection', ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']],
  ['te', ['te']],
  ['host', ['host']],
  ['cookie', ['cookie']],
  ['contentLength', ['content-length']],
  ['expect', ['expect']],
  ['drop', ['http2-settings']],
];
const known = new Map(
  special.flatMap(([kind, names]) =>
    names.map((name): [string, NameFacts] => [name, { name, kind, isPublic: false, soundValue: '' }]),
  ),
);

/** Names that were looked at before: the same few come again and again. */
const maxRemembered = 1000;
/** Longer values are not remembered: an `x-forwarded-client-cert` is, of 200 to 500. */
const maxSoundBytes = 1024;

/** Tells what is known of this name. One that was seen before costs one look-up. */
export function factsOf(name: string): NameFacts {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const kind = classify(name);
  const isPublic = kind === 'plain' && !['never', 'unlessShort'].includes(indexingOf(name));
  const facts = { name, kind, isPublic, soundValue: '' };
  if (known.size < maxRemembered && name.length <= 64) known.set(name, facts);
  return facts;
}

/** Whether a value of this name has no blank at either end (RFC 9113 8.2.1), and nothing that could split a message. */
export function isSound(facts: NameFacts, value: string): boolean {
  if (value === facts.soundValue) return true;
  if (!isFieldValue(value)) return false;
  if (facts.isPublic && value.length <= maxSoundBytes) facts.soundValue = value;
  return true;
}

/** A kind and that its value is sound, as a number above 0. */
export function noteOf(kind: NameKind): number {
  return kinds.indexOf(kind) + 1;
}

/** The kind that was noted. */
export function notedKind(note: number): NameKind {
  return kinds[note - 1] ?? 'invalid';
}

function classify(name: string): NameKind {
  if (name === '') return 'invalid';
  if (name.charCodeAt(0) === 0x3a) return 'unknownPseudo';
  return isAll(name, isNameOctet) ? 'plain' : 'invalid';
}

/** Whether there is no blank at either end (RFC 9113 8.2.1), and nothing that could split a message. */
export function isFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  const last = value.charCodeAt(length - 1);
  const first = value.charCodeAt(0);
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09) return false;
  return isAll(value, isValueOctet);
}

/** Whether each character is an octet that `table` allows. */
export function isAll(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function tableOf(allows: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (allows(octet) ? 1 : 0));
}
