/** Tables of the octets that RFC 9110 and RFC 9112 allow where, and comparison of octets with text. Index by octet. */

const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const hostCharacters = "-._~!$&'()*+,;=%:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** 1 for octets of a token (RFC 9110 5.6.2). */
export const isTokenOctet = tableOf((octet) => octet < 0x80 && tokenCharacters.includes(String.fromCharCode(octet)));

/** 1 for octets of a field value: HTAB, SP, visible, obs-text (RFC 9110 5.5). */
export const isValueOctet = tableOf((octet) => octet === 0x09 || (octet >= 0x20 && octet !== 0x7f));

/** 1 for what a request target may hold: visible ASCII. Wider than RFC 3986, as browsers and Envoy are. */
export const isTargetOctet = tableOf((octet) => octet > 0x20 && octet < 0x7f);

/** 1 for octets of `uri-host [":" port]` (RFC 3986 3.2.2), so without userinfo. */
export const isHostOctet = tableOf((octet) => octet < 0x80 && hostCharacters.includes(String.fromCharCode(octet)));

/** The octet in lower case (ASCII only). */
export const lowerOctet = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

/** Value of a hexadecimal digit, 0xff for other octets. */
export const hexOctet = Uint8Array.from({ length: 256 }, (_, octet) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(octet).toLowerCase());
  return digit < 0 ? 0xff : digit;
});

/** Whether the octets from `start` to `end` are `text` (lower case), whatever their case. */
export function equalsIgnoringCase(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (lowerOctet[bytes[start + i] ?? 0] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function tableOf(allows: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (allows(octet) ? 1 : 0));
}
