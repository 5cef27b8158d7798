/**
 * Envoy's messages. In: the descriptor made of the .proto files (`pack-protos.ts`), from its file (JSON) or handed over by a bundle.
 * Out: the shape of each message and enum, by its full name. Loaded on first use, kept for the process.
 */
import { readFileSync } from 'node:fs';
import type { Descriptor } from './descriptor.ts';
import { toMessageShape, type EnumShape, type MessageShape } from './shapes.ts';

const messages = new Map<string, MessageShape | undefined>();
const enums = new Map<string, EnumShape | undefined>();
let source = new URL('envoy.descriptor', import.meta.url);
let descriptor: Descriptor | undefined;

/** Takes the descriptor that {@link packDescriptor} made from another file. To be called before the first use, when it is read. */
export function useDescriptorFile(file: URL): void {
  source = file;
  descriptor = undefined;
  messages.clear();
  enums.clear();
}

/** The descriptor of all messages as plain JSON, for a bundle to carry. */
export function packDescriptor(): Descriptor {
  return JSON.parse(readFileSync(source, 'utf8')) as Descriptor;
}

/** The message of this full name, or undefined when it is not among those that are known. */
export function messageShape(fullName: string): MessageShape | undefined {
  if (messages.has(fullName)) return messages.get(fullName);
  const { messages: all } = (descriptor ??= packDescriptor());
  const shape = Object.hasOwn(all, fullName) ? toMessageShape(fullName, all[fullName] ?? []) : undefined;
  if (shape !== undefined) messages.set(fullName, shape);
  return shape;
}

/** The enum of this full name, or undefined when it is not among those that are known. */
export function enumShape(fullName: string): EnumShape | undefined {
  const known = enums.get(fullName);
  if (known !== undefined) return known;
  const values = (descriptor ??= packDescriptor()).enums[fullName];
  if (values === undefined) return undefined;
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(values)) if (!names.has(value)) names.set(value, name);
  const shape = { fullName, values: new Map(Object.entries(values)), names };
  enums.set(fullName, shape);
  return shape;
}
