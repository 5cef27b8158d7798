import type { PackedField } from './descriptor.ts';

/** One field as the codec uses it. */
export type FieldShape = Readonly<{
  name: string;
  jsonName: string;
  id: number;
  kind: 'scalar' | 'enum' | 'message';
  /** The scalar's type, or the full name of the enum or message. */
  type: string;
  label: 'one' | 'optional' | 'repeated' | 'map';
  /** The type of the keys of a map. */
  keyType: string;
  oneof: string;
  /** Field number and wire type as they stand on the wire before a single value. */
  tag: number;
}>;

/** A message: its fields by number, in order, and by both of their names. */
export type MessageShape = Readonly<{
  fullName: string;
  byId: ReadonlyMap<number, FieldShape>;
  byName: ReadonlyMap<string, FieldShape>;
}>;

/** An enum, both ways round. */
export type EnumShape = Readonly<{
  fullName: string;
  values: ReadonlyMap<string, number>;
  names: ReadonlyMap<number, string>;
}>;

/** What precedes a value on the wire. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const scalarWireTypes: Readonly<Record<string, number>> = {
  double: wireTypes.fixed64,
  fixed64: wireTypes.fixed64,
  sfixed64: wireTypes.fixed64,
  float: wireTypes.fixed32,
  fixed32: wireTypes.fixed32,
  sfixed32: wireTypes.fixed32,
  string: wireTypes.bytes,
  bytes: wireTypes.bytes,
};

/** The wire type of a scalar. */
export function scalarWireType(type: string): number {
  return scalarWireTypes[type] ?? wireTypes.varint;
}

/** The shape of a message from its packed fields. */
export function toMessageShape(fullName: string, packed: readonly PackedField[]): MessageShape {
  const fields = packed.map(toFieldShape).sort((a, b) => a.id - b.id);
  const byName = new Map<string, FieldShape>();
  for (const field of fields) byName.set(field.jsonName, field);
  for (const field of fields) byName.set(field.name, field);
  return { fullName, byId: new Map(fields.map((field) => [field.id, field])), byName };
}

function toFieldShape([name, id, packedType, packedLabel, oneof]: PackedField): FieldShape {
  const colon = packedType.indexOf(':');
  const kind = colon < 0 ? 'scalar' : packedType.startsWith('enum:') ? 'enum' : 'message';
  const type = packedType.slice(colon + 1);
  const isMap = packedLabel.startsWith('map:');
  const wireType =
    isMap || kind === 'message' ? wireTypes.bytes : kind === 'enum' ? wireTypes.varint : scalarWireType(type);
  return {
    name,
    jsonName: name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    id,
    kind,
    type,
    label: isMap ? 'map' : (packedLabel as 'one' | 'optional' | 'repeated'),
    keyType: isMap ? packedLabel.slice('map:'.length) : '',
    oneof,
    tag: ((id << 3) | wireType) >>> 0,
  };
}
