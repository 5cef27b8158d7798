import assert from 'node:assert/strict';
import protobuf, { type Writer } from 'protobufjs/minimal.js';
import { enumShape, messageShape } from './protos.ts';
import { isDefaultScalar, writeScalar } from './scalars.ts';
import { scalarWireType, wireTypes, type FieldShape, type MessageShape } from './shapes.ts';
import type { TypedMessage, TypedObject, TypedValue } from './typed.ts';
import { hasOwnJson, parseDuration, parseTimestamp, wellKnown, wrapperScalars } from './well-known.ts';

/**
 * The binary form of a message named by its `@type`. The same content gives the same bytes: fields go out by number, the
 * entries of maps by key. A message that does not fit its type is an error of the program that made it, and thrown.
 */
export function encodeMessage(message: TypedMessage): Buffer {
  const opaque = opaqueBytes(message);
  if (opaque !== undefined) return opaque;
  const writer = protobuf.Writer.create();
  writeAnyContent(writer, message);
  return asBuffer(writer.finish());
}

/** Binary form of the fields of `message`, whose type is known from its place. */
export function encodeObject(fullName: string, message: TypedObject): Buffer {
  const writer = protobuf.Writer.create();
  writeMessage(writer, fullName, message);
  return asBuffer(writer.finish());
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The type's full name in a type URL: what follows the last slash. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/** The bytes of a message of a type that is not known, as decoding left them. */
function opaqueBytes(message: TypedMessage): Buffer | undefined {
  const fullName = typeNameOf(message['@type']);
  if (hasOwnJson(fullName) || messageShape(fullName) !== undefined) return undefined;
  const value = message['value'] ?? '';
  assert(typeof value === 'string', `${fullName} is not a known message, and its value is not base64`);
  return Buffer.from(value, 'base64');
}

function writeAnyContent(writer: Writer, message: TypedMessage): void {
  const fullName = typeNameOf(message['@type']);
  writeMessage(writer, fullName, hasOwnJson(fullName) ? (message['value'] ?? null) : message);
}

function writeMessage(writer: Writer, fullName: string, value: TypedValue): void {
  if (fullName.startsWith('google.protobuf.') && writeWellKnown(writer, fullName, value)) return;
  const shape = messageShape(fullName);
  assert(shape !== undefined, `${fullName} is not a known message`);
  assert(isObject(value), `${fullName}: expected an object, got ${JSON.stringify(value)}`);
  for (const field of fieldsInOrder(shape, value)) writeField(writer, field, value[field.name] ?? null);
}

function fieldsInOrder(shape: MessageShape, value: TypedObject): readonly FieldShape[] {
  const fields: FieldShape[] = [];
  let isSorted = true;
  for (const name of Object.keys(value)) {
    if (name === '@type') continue;
    const field = shape.byName.get(name);
    assert(field !== undefined && field.name === name, `${shape.fullName} has no field ${name}`);
    if (value[name] === undefined || (value[name] === null && field.type !== wellKnown.value)) continue;
    isSorted &&= fields.length === 0 || (fields.at(-1)?.id ?? 0) < field.id;
    fields.push(field);
  }
  return isSorted ? fields : fields.sort((a, b) => a.id - b.id);
}

function writeField(writer: Writer, field: FieldShape, value: TypedValue): void {
  switch (field.label) {
    case 'one':
      if (field.kind === 'enum' ? enumNumber(field.type, value) === 0 : isDefaultScalar(value)) return;
      writeSingle(writer, field, value);
      return;
    case 'optional':
      writeSingle(writer, field, value);
      return;
    case 'repeated':
      assert(Array.isArray(value), `${field.name}: expected a list, got ${JSON.stringify(value)}`);
      writeRepeated(writer, field, value);
      return;
    case 'map':
      assert(isObject(value), `${field.name}: expected a map, got ${JSON.stringify(value)}`);
      writeMap(writer, field, value);
  }
}

function writeSingle(writer: Writer, field: FieldShape, value: TypedValue): void {
  writer.uint32(field.tag);
  if (field.kind === 'message') {
    writer.fork();
    writeMessage(writer, field.type, value);
    writer.ldelim();
  } else if (field.kind === 'enum') writer.int32(enumNumber(field.type, value));
  else writeScalar(writer, field.type, value);
}

function writeRepeated(writer: Writer, field: FieldShape, values: readonly TypedValue[]): void {
  if (values.length === 0) return;
  if (field.kind === 'message' || (field.tag & 7) === wireTypes.bytes) {
    for (const value of values) writeSingle(writer, field, value);
    return;
  }
  writer.uint32(((field.id << 3) | wireTypes.bytes) >>> 0).fork();
  for (const value of values) {
    if (field.kind === 'enum') writer.int32(enumNumber(field.type, value));
    else writeScalar(writer, field.type, value);
  }
  writer.ldelim();
}

function writeMap(writer: Writer, field: FieldShape, map: TypedObject): void {
  const wireType =
    field.kind === 'message' ? wireTypes.bytes : field.kind === 'enum' ? wireTypes.varint : scalarWireType(field.type);
  const valueField: FieldShape = { ...field, id: 2, tag: (2 << 3) | wireType, label: 'optional' };
  for (const key of Object.keys(map).sort()) {
    writer.uint32(field.tag).fork();
    writer.uint32((1 << 3) | scalarWireType(field.keyType));
    writeScalar(writer, field.keyType, mapKey(field.keyType, key));
    writeSingle(writer, valueField, map[key] ?? null);
    writer.ldelim();
  }
}

function mapKey(keyType: string, key: string): TypedValue {
  if (keyType === 'string') return key;
  if (keyType === 'bool') return key === 'true';
  return keyType.endsWith('64') ? key : Number(key);
}

function enumNumber(fullName: string, value: TypedValue): number {
  if (typeof value === 'number') return value;
  const number = enumShape(fullName)?.values.get(String(value));
  assert(number !== undefined, `${fullName} has no value ${JSON.stringify(value)}`);
  return number;
}

function writeWellKnown(writer: Writer, fullName: string, value: TypedValue): boolean {
  const scalar = wrapperScalars.get(fullName);
  if (scalar !== undefined) {
    if (isDefaultScalar(value)) return true;
    writer.uint32((1 << 3) | scalarWireType(scalar));
    writeScalar(writer, scalar, value);
    return true;
  }
  switch (fullName) {
    case wellKnown.any:
      writeAny(writer, value);
      return true;
    case wellKnown.duration:
    case wellKnown.timestamp: {
      const time = fullName === wellKnown.duration ? parseDuration(String(value)) : parseTimestamp(String(value));
      assert(time !== undefined, `${fullName}: ${JSON.stringify(value)} is none`);
      if (time.seconds !== 0) writer.uint32(8).int64(time.seconds);
      if (time.nanos !== 0) writer.uint32(16).int32(time.nanos);
      return true;
    }
    case wellKnown.struct:
      writeStruct(writer, value);
      return true;
    case wellKnown.list:
      writeList(writer, value);
      return true;
    case wellKnown.value:
      writeValue(writer, value);
      return true;
    default:
      return false;
  }
}

function writeAny(writer: Writer, value: TypedValue): void {
  assert(isObject(value), `expected a message, got ${JSON.stringify(value)}`);
  const typeUrl = value['@type'];
  assert(typeof typeUrl === 'string', `a message without @type: ${JSON.stringify(value)}`);
  writer.uint32(10).string(typeUrl).uint32(18);
  const message = value as TypedMessage;
  const opaque = opaqueBytes(message);
  if (opaque !== undefined) {
    writer.bytes(opaque);
    return;
  }
  writer.fork();
  writeAnyContent(writer, message);
  writer.ldelim();
}

function writeStruct(writer: Writer, value: TypedValue): void {
  assert(isObject(value), `expected an object, got ${JSON.stringify(value)}`);
  for (const key of Object.keys(value).sort()) {
    writer.uint32(10).fork().uint32(10).string(key).uint32(18).fork();
    writeValue(writer, value[key] ?? null);
    writer.ldelim().ldelim();
  }
}

function writeList(writer: Writer, value: TypedValue): void {
  assert(Array.isArray(value), `expected a list, got ${JSON.stringify(value)}`);
  for (const element of value as readonly TypedValue[]) {
    writer.uint32(10).fork();
    writeValue(writer, element);
    writer.ldelim();
  }
}

function writeValue(writer: Writer, value: TypedValue): void {
  if (value === null) writer.uint32(8).int32(0);
  else if (typeof value === 'number') writer.uint32(17).double(value);
  else if (typeof value === 'string') writer.uint32(26).string(value);
  else if (typeof value === 'boolean') writer.uint32(32).bool(value);
  else {
    const isList = Array.isArray(value);
    writer.uint32(isList ? 50 : 42).fork();
    if (isList) writeList(writer, value);
    else writeStruct(writer, value);
    writer.ldelim();
  }
}

function isObject(value: TypedValue): value is TypedObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
