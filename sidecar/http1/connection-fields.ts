/** Fields that frame a message or speak of one connection (RFC 9110 7.6.1), and Host, which is the head's `authority`. */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
