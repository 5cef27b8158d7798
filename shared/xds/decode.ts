import protobuf, { type Reader } from 'protobufjs/minimal.js';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { typeNameOf } from './encode.ts';
import { enumShape, messageShape } from './protos.ts';
import { isDefaultScalar, readScalar, readText } from './scalars.ts';
import { wireTypes, type FieldShape, type MessageShape } from './shapes.ts';
import type { TypedMessage, TypedObject, TypedValue } from './typed.ts';
import { formatDuration, formatTimestamp, hasOwnJson, wellKnown, wrapperScalars } from './well-known.ts';

/** Nesting beyond this is refused: no config needs it, and the stack is finite. */
const maxDepth = 100;

type Mutable = { [field: string]: TypedValue };

/**
 * The typed form of a binary message. An `Any` in it is unpacked; one of an unknown type keeps its bytes as base64 in
 * `value`. Fields of unknown numbers are skipped, as protobuf wants it. Malformed bytes throw `protocol`.
 */
export function decodeMessage(typeUrl: string, bytes: Uint8Array): TypedMessage {
  return malformedAsMeshError(typeUrl, () => readAnyContent(typeUrl, bytes, 0));
}

/** The typed form of a message whose type is known from its place. */
export function decodeObject(fullName: string, bytes: Uint8Array): TypedObject {
  return malformedAsMeshError(fullName, () => readMessage(fullName, bytes, 0) as TypedObject);
}

function malformedAsMeshError<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new MeshError('protocol', `the bytes are no ${name}`, { cause });
  }
}

function readAnyContent(typeUrl: string, bytes: Uint8Array, depth: number): TypedMessage {
  const fullName = typeNameOf(typeUrl);
  if (hasOwnJson(fullName)) return { '@type': typeUrl, value: readMessage(fullName, bytes, depth) };
  const shape = messageShape(fullName);
  if (shape === undefined) return { '@type': typeUrl, value: Buffer.from(bytes).toString('base64') };
  const message: Mutable = { '@type': typeUrl };
  readFields(shape, bytes, { into: message, depth });
  return message as TypedMessage;
}

function readMessage(fullName: string, bytes: Uint8Array, depth: number): TypedValue {
  if (depth > maxDepth) throw new RangeError(`nested deeper than ${maxDepth}`);
  if (fullName.startsWith('google.protobuf.')) {
    const value = readWellKnown(fullName, bytes, depth);
    if (value !== undefined) return value;
  }
  const shape = messageShape(fullName);
  if (shape === undefined) throw new TypeError(`${fullName} is not a known message`);
  const message: Mutable = {};
  readFields(shape, bytes, { into: message, depth });
  return message;
}

type Target = Readonly<{ into: Mutable; depth: number }>;

function readFields(shape: MessageShape, bytes: Uint8Array, target: Target): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = shape.byId.get(tag >>> 3);
    if (field === undefined || !fitsWireType(field, tag & 7)) reader.skipType(tag & 7);
    else readField(reader, field, tag & 7, target);
    if (field !== undefined && field.oneof !== '') clearOthers(shape, field, target.into);
  }
}

function fitsWireType(field: FieldShape, wireType: number): boolean {
  return wireType === (field.tag & 7) || (field.label === 'repeated' && wireType === wireTypes.bytes);
}

/** The last member of a oneof on the wire wins. */
function clearOthers(shape: MessageShape, winner: FieldShape, message: Mutable): void {
  for (const field of shape.byId.values())
    if (field.oneof === winner.oneof && field !== winner) delete message[field.name];
}

function readField(reader: Reader, field: FieldShape, wireType: number, { into, depth }: Target): void {
  switch (field.label) {
    case 'one': {
      const value = readSingle(reader, field, depth);
      if (isDefaultScalar(value) || isFirstOfEnum(field, value)) delete into[field.name];
      else into[field.name] = value;
      return;
    }
    case 'optional':
      into[field.name] = readSingle(reader, field, depth);
      return;
    case 'repeated': {
      const list = (into[field.name] ??= []) as TypedValue[];
      if (wireType !== wireTypes.bytes || (field.tag & 7) === wireTypes.bytes) {
        list.push(readSingle(reader, field, depth));
        return;
      }
      for (const end = reader.uint32() + reader.pos; reader.pos < end;) list.push(readSingle(reader, field, depth));
      return;
    }
    case 'map':
      readEntry(reader.bytes(), field, { into: (into[field.name] ??= {}) as Mutable, depth });
  }
}

function readSingle(reader: Reader, field: FieldShape, depth: number): TypedValue {
  if (field.kind === 'message') return readMessage(field.type, reader.bytes(), depth + 1);
  if (field.kind === 'scalar') return readScalar(reader, field.type);
  const number = reader.int32();
  return enumShape(field.type)?.names.get(number) ?? number;
}

function isFirstOfEnum(field: FieldShape, value: TypedValue): boolean {
  return field.kind === 'enum' && enumShape(field.type)?.names.get(0) === value;
}

function readEntry(bytes: Uint8Array, field: FieldShape, { into, depth }: Target): void {
  const reader = protobuf.Reader.create(bytes);
  let key: TypedValue = '';
  let value: TypedValue | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = readScalar(reader, field.keyType);
    else if (tag >>> 3 === 2) value = readSingle(reader, field, depth);
    else reader.skipType(tag & 7);
  }
  put(into, String(key), value ?? defaultOf(field, depth));
}

function defaultOf(field: FieldShape, depth: number): TypedValue {
  if (field.kind === 'message') return readMessage(field.type, new Uint8Array(), depth);
  if (field.kind === 'enum') return enumShape(field.type)?.names.get(0) ?? 0;
  return field.type === 'string' || field.type === 'bytes' ? '' : field.type === 'bool' ? false : 0;
}

/** Keys come from outside: `__proto__` must become a key like any other. */
function put(into: Mutable, key: string, value: TypedValue): void {
  if (key === '__proto__')
    Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
  else into[key] = value;
}

function readWellKnown(fullName: string, bytes: Uint8Array, depth: number): TypedValue | undefined {
  const scalar = wrapperScalars.get(fullName);
  if (scalar !== undefined) return readWrapper(scalar, bytes);
  switch (fullName) {
    case wellKnown.any:
      return readAny(bytes, depth);
    case wellKnown.duration:
      return formatDuration(readTime(bytes));
    case wellKnown.timestamp:
      return formatTimestamp(readTime(bytes));
    case wellKnown.struct:
      return readStruct(bytes, depth);
    case wellKnown.list:
      return readList(bytes, depth);
    case wellKnown.value:
      return readValue(bytes, depth);
    default:
      return undefined;
  }
}

function readWrapper(scalar: string, bytes: Uint8Array): TypedValue {
  const reader = protobuf.Reader.create(bytes);
  let value: TypedValue = scalar === 'string' || scalar === 'bytes' ? '' : scalar === 'bool' ? false : 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) value = readScalar(reader, scalar);
    else reader.skipType(tag & 7);
  }
  return value;
}

function readAny(bytes: Uint8Array, depth: number): TypedValue {
  const reader = protobuf.Reader.create(bytes);
  let typeUrl = '';
  let content: Uint8Array = new Uint8Array();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) typeUrl = readText(reader);
    else if (tag === 18) content = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return readAnyContent(typeUrl, content, depth + 1);
}

function readTime(bytes: Uint8Array): { seconds: number; nanos: number } {
  const reader = protobuf.Reader.create(bytes);
  const time = { seconds: 0, nanos: 0 };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 8) time.seconds = Number(readScalar(reader, 'int64'));
    else if (tag === 16) time.nanos = reader.int32();
    else reader.skipType(tag & 7);
  }
  return time;
}

function readStruct(bytes: Uint8Array, depth: number): TypedValue {
  const into: Mutable = {};
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) readEntry(reader.bytes(), structEntry, { into, depth });
    else reader.skipType(tag & 7);
  }
  return into;
}

const structEntry: FieldShape = {
  name: 'fields',
  jsonName: 'fields',
  id: 1,
  kind: 'message',
  type: wellKnown.value,
  label: 'map',
  keyType: 'string',
  oneof: '',
  tag: 10,
};

function readList(bytes: Uint8Array, depth: number): TypedValue {
  const list: TypedValue[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) list.push(readMessage(wellKnown.value, reader.bytes(), depth + 1));
    else reader.skipType(tag & 7);
  }
  return list;
}

function readValue(bytes: Uint8Array, depth: number): TypedValue {
  const reader = protobuf.Reader.create(bytes);
  let value: TypedValue = null;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 8) {
      reader.int32();
      value = null;
    } else if (tag === 17) value = reader.double();
    else if (tag === 26) value = readText(reader);
    else if (tag === 32) value = reader.bool();
    else if (tag === 42) value = readMessage(wellKnown.struct, reader.bytes(), depth + 1);
    else if (tag === 50) value = readMessage(wellKnown.list, reader.bytes(), depth + 1);
    else reader.skipType(tag & 7);
  }
  return value;
}
