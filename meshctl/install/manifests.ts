import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { CommandError, exitCodes } from '../command-error.ts';
import type { ObjectRef } from '../kubernetes/discovery.ts';

/** An object to be, as YAML says it. */
export type Manifest = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<{
    name: string;
    namespace?: string;
    labels?: Readonly<Record<string, string>>;
    annotations?: Readonly<Record<string, string>>;
  }>;
}> &
  Readonly<Record<string, unknown>>;

/** The manifests of this version of Tulle, by folder. */
export type Manifests = Readonly<{
  definitions: readonly Manifest[];
  controlPlane: readonly Manifest[];
  prometheusOperator: readonly Manifest[];
}>;

/** Reads what is installed. They lie beside the bundle that `npm run build` makes, else in the repository. */
export function readManifests(): Manifests {
  const folder = findFolder();
  return {
    definitions: readPart(folder, 'crds'),
    controlPlane: readPart(folder, 'control-plane'),
    prometheusOperator: readPart(folder, 'prometheus-operator'),
  };
}

/** Relative to this file, or to a chunk of the bundle. */
const candidates = ['../manifests', '../../manifests'];

function findFolder(): string {
  const folders = candidates.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const folder = folders.find((path) => existsSync(join(path, 'control-plane/kustomization.yaml')));
  if (folder === undefined)
    throw new CommandError(exitCodes.failed, `the manifests are missing: they should lie in ${folders.join(' or ')}`);
  return folder;
}

function readPart(folder: string, part: string): Manifest[] {
  const read = (file: string) => readFileSync(join(folder, part, file), 'utf8');
  const { resources } = parse(read('kustomization.yaml')) as { resources: readonly string[] };
  return resources.flatMap((file) => parseAllDocuments(read(file)).map((document) => document.toJS() as Manifest));
}

/** What names the object of a manifest. */
export function refOf({ apiVersion, kind, metadata }: Manifest): ObjectRef {
  return { apiVersion, kind, namespace: metadata.namespace ?? '', name: metadata.name };
}
