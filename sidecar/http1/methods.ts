/** Methods that llhttp, and so Envoy's HTTP/1.1 codec, knows. Any other is refused. */
const methods = (
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH ' +
  'ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY ' +
  'REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
).split(' ');

/** By length, the common ones first. */
const byLength: readonly (readonly string[])[] = Array.from({ length: 16 }, (_, length) =>
  methods.filter((method) => method.length === length),
);

/** The method that the octets from `start` to `end` spell, or null. Makes no string. */
export function methodOf(bytes: Uint8Array, start: number, end: number): string | null {
  const candidates = byLength[end - start];
  if (candidates === undefined) return null;
  for (const method of candidates) if (spells(bytes, start, method)) return method;
  return null;
}

function spells(bytes: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}
