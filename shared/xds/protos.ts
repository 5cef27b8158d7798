/**
 * Envoy's messages. In: the .proto files that `@grpc/grpc-js-xds` ships, or a descriptor made of them when the program was
 * bundled. Out: the shape of each message and enum, by its full name. Loaded on first use and once a process; the parser's
 * own tree is dropped when the descriptor is made.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type protobuf from 'protobufjs';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { toDescriptor, type Descriptor } from './descriptor.ts';
import { annotationFiles, protoFiles } from './proto-files.ts';
import { toMessageShape, type EnumShape, type MessageShape } from './shapes.ts';

const shippedFolders = ['envoy-api', 'xds', 'googleapis'];

const messages = new Map<string, MessageShape | undefined>();
const enums = new Map<string, EnumShape | undefined>();
let descriptor: Descriptor | undefined;

/** Takes a descriptor that {@link packDescriptor} made, in place of the .proto files. To be called before the first use. */
export function useDescriptor(packed: Descriptor): void {
  descriptor = packed;
  messages.clear();
  enums.clear();
}

/** The descriptor of all messages as plain JSON, for a bundle to carry. */
export function packDescriptor(): Descriptor {
  return loadDescriptor();
}

/** The message of this full name, or undefined when it is not among those that are known. */
export function messageShape(fullName: string): MessageShape | undefined {
  if (messages.has(fullName)) return messages.get(fullName);
  const { messages: all } = (descriptor ??= loadDescriptor());
  const shape = Object.hasOwn(all, fullName) ? toMessageShape(fullName, all[fullName] ?? []) : undefined;
  if (shape !== undefined) messages.set(fullName, shape);
  return shape;
}

/** The enum of this full name, or undefined when it is not among those that are known. */
export function enumShape(fullName: string): EnumShape | undefined {
  const known = enums.get(fullName);
  if (known !== undefined) return known;
  const values = (descriptor ??= loadDescriptor()).enums[fullName];
  if (values === undefined) return undefined;
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(values)) if (!names.has(value)) names.set(value, name);
  const shape = { fullName, values: new Map(Object.entries(values)), names };
  enums.set(fullName, shape);
  return shape;
}

function loadDescriptor(): Descriptor {
  // Required here, not imported: a process that was handed a descriptor never needs the parser.
  const require = createRequire(import.meta.url);
  const library = require('protobufjs') as typeof protobuf;
  const shipped = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const folders = [...shippedFolders.map((folder) => join(shipped, folder)), join(import.meta.dirname, 'vendor')];
  const root = new library.Root();
  root.resolvePath = (_origin, target) => (annotationFiles.test(target) ? null : locate(folders, target));
  root.loadSync([...protoFiles], { keepCase: true });
  const wanted = new Set(protoFiles.map((file) => locate(folders, file)));
  return toDescriptor(library, root, (file) => wanted.has(file) || file.startsWith('google/protobuf/'));
}

function locate(folders: readonly string[], file: string): string {
  const path = folders.map((folder) => join(folder, file)).find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new MeshError('not_found', `the proto file ${file} is in none of ${folders.join(', ')}`);
  return path;
}
