import { createHash } from 'node:crypto';

/** The namespace of all name-based ids made here (RFC 9562 section 5.5 asks for one of one's own). */
export const namespace = '6f1c5a0e-4f0d-5d7a-9a63-2c8f5e1b7d40';

/** The name-based UUID (version 5) of a name: the same name always gives the same id. */
export function uuidv5(name: string, space: string = namespace): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(space.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The id of the event at `index` of the batch that a command makes. */
export function eventId(commandId: string, index: number): string {
  return uuidv5(`event:${index}`, commandId);
}
