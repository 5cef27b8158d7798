/**
 * Reads Envoy's .proto files, which `@grpc/grpc-js-xds` ships, into a descriptor. Only for making `envoy.descriptor` (see
 * `pack-protos.ts`) and for checking it: the parser and its tree take 30 MB and 150 ms that no running process should pay.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { toDescriptor, type Descriptor } from './descriptor.ts';
import { annotationFiles, protoFiles } from './proto-files.ts';

const shippedFolders = ['envoy-api', 'xds', 'googleapis'];

/** The descriptor of all messages that can be reached from the files of `proto-files.ts`. */
export function parseProtos(): Descriptor {
  const require = createRequire(import.meta.url);
  const shipped = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const folders = [...shippedFolders.map((folder) => join(shipped, folder)), join(import.meta.dirname, 'vendor')];
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (annotationFiles.test(target) ? null : locate(folders, target));
  root.loadSync([...protoFiles], { keepCase: true });
  const wanted = new Set(protoFiles.map((file) => locate(folders, file)));
  return toDescriptor(protobuf, root, (file) => wanted.has(file) || file.startsWith('google/protobuf/'));
}

function locate(folders: readonly string[], file: string): string {
  const path = folders.map((folder) => join(folder, file)).find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new MeshError('not_found', `the proto file ${file} is in none of ${folders.join(', ')}`);
  return path;
}
