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

const known = new Map<string, NameKind>([
  [':method', 'pseudo'],
  [':scheme', 'pseudo'],
  [':authority', 'pseudo'],
  [':path', 'pseudo'],
  [':protocol', 'pseudo'],
  [':status', 'pseudo'],
  ['connection', 'connection'],
  ['proxy-connection', 'connection'],
  ['keep-alive', 'connection'],
  ['transfer-encoding', 'connection'],
  ['upgrade', 'connection'],
  ['te', 'te'],
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['content-length', 'contentLength'],
  ['expect', 'expect'],
  ['http2-settings', 'drop'],
]);

/** Names that were looked at before: the same few come again and again. */
const maxRemembered = 1000;

/** Tells what kind of name this is. A name that was seen before costs one look-up. */
export function kindOf(name: string): NameKind {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const kind = classify(name);
  if (known.size < maxRemembered && name.length <= 64) known.set(name, kind);
  return kind;
}

function classify(name: string): NameKind {
  if (name === '') return 'invalid';
  if (name.charCodeAt(0) === 0x3a) return 'unknownPseudo';
  return isAll(name, isNameOctet) ? 'plain' : 'invalid';
}

/** Whether each character is an octet that `table` allows. */
export function isAll(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (table[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function tableOf(allows: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (allows(octet) ? 1 : 0));
}
