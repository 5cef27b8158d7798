/**
 * The wire form of xDS resources and its typed form (see `typed.ts`), both ways.
 *
 *   a user's YAML or JSON --readTypedJson--> TypedMessage <--encodeMessage / decodeMessage--> protobuf bytes
 *
 * User-written input is answered by a `Result` with every problem; a typed message that does not fit its proto is an error of
 * the program; bytes from a peer that are malformed are a `MeshError`. `protos.ts` owns the shapes of the messages.
 */
export { encodeMessage, encodeObject } from './encode.ts';
export { decodeMessage, decodeObject } from './decode.ts';
export { readTypedJson } from './typed-json.ts';
