import { encodeMessage } from './codec.ts';
import { packMessage, type PackedMessage } from './packed.ts';
import type { TypedMessage } from './typed.ts';

/** What arrives when this message is sent. */
export function aPackedMessage(message: TypedMessage): PackedMessage {
  return packMessage(message['@type'], encodeMessage(message));
}
