/**
 * What the codec needs to know of the protos, and no more: names, numbers and types of fields, and the values of enums.
 * It is plain JSON, so that a bundle can carry it ready-made instead of some hundred .proto files and a parser for them.
 */
import type protobuf from 'protobufjs';

/** `[name, number, type, label, oneof]`: see {@link FieldLabel}; `type` is a scalar's name, `message:<name>` or `enum:<name>`. */
export type PackedField = readonly [name: string, id: number, type: string, label: FieldLabel, oneof: string];

/** `one`: absent when at its default; `optional`: absence is told from the default; `map:<key type>`. */
export type FieldLabel = 'one' | 'optional' | 'repeated' | `map:${string}`;

/** All messages and enums by full name (`envoy.config.core.v3.Node`). */
export type Descriptor = Readonly<{
  messages: Readonly<Record<string, readonly PackedField[]>>;
  enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
}>;

/** The part of `root` that can be reached from the messages declared in files for which `isWanted` holds. */
export function toDescriptor(
  library: typeof protobuf,
  root: protobuf.Root,
  isWanted: (file: string) => boolean,
): Descriptor {
  const messages: Record<string, readonly PackedField[]> = {};
  const enums: Record<string, Readonly<Record<string, number>>> = {};
  const waiting = [...declaredMessages(library, root)].filter((type) => isWanted(type.filename ?? ''));
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    const name = fullName(type);
    if (messages[name] !== undefined) continue;
    messages[name] = type.fieldsArray.map((field) => packField(library, field.resolve()));
    for (const { resolvedType } of type.fieldsArray) {
      if (resolvedType instanceof library.Type) waiting.push(resolvedType);
      if (resolvedType instanceof library.Enum) enums[fullName(resolvedType)] = { ...resolvedType.values };
    }
  }
  return { messages, enums };
}

function* declaredMessages(library: typeof protobuf, namespace: protobuf.NamespaceBase): Generator<protobuf.Type> {
  for (const child of namespace.nestedArray) {
    if (child instanceof library.Type) yield child;
    if (child instanceof library.Namespace || child instanceof library.Type) yield* declaredMessages(library, child);
  }
}

function packField(library: typeof protobuf, field: protobuf.Field): PackedField {
  const { resolvedType } = field;
  let type = field.type;
  if (resolvedType instanceof library.Type) type = `message:${fullName(resolvedType)}`;
  if (resolvedType instanceof library.Enum) type = `enum:${fullName(resolvedType)}`;
  const isProto3Optional = field.getOption('proto3_optional') === true;
  return [field.name, field.id, type, labelOf(library, field, isProto3Optional), oneofOf(field, isProto3Optional)];
}

function labelOf(library: typeof protobuf, field: protobuf.Field, isProto3Optional: boolean): FieldLabel {
  if (field instanceof library.MapField) return `map:${field.keyType}`;
  if (field.repeated) return 'repeated';
  return isProto3Optional || field.partOf !== null || field.resolvedType instanceof library.Type ? 'optional' : 'one';
}

function oneofOf(field: protobuf.Field, isProto3Optional: boolean): string {
  return isProto3Optional ? '' : (field.partOf?.name ?? '');
}

function fullName(object: protobuf.ReflectionObject): string {
  return object.fullName.slice(1);
}
