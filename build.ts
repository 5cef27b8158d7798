/**
 * Bundles the sidecar, the control plane and meshctl: `node build.ts [--out DIR]` (default `dist`).
 *
 *   sources -> esbuild -> DIR/<component>/app.js and chunks    all code, of the dependencies too
 *   .proto files       -> DIR/<component>/envoy.json           one descriptor instead of hundreds of files and their parser
 *                         DIR/<component>/main.js              what is started: checks Node, hands over the descriptor
 *   worker.ts          -> DIR/sidecar/worker.js                what its worker threads run
 *   a run of both      -> DIR/<component>/compile-cache        what V8 made of the code of a start (`compile-cache.ts`)
 *   koffi              -> DIR/sidecar/node_modules             native code cannot be bundled
 *   manifests          -> DIR/meshctl/manifests                what `meshctl install` applies
 *
 * Each folder runs by itself wherever it is copied: `node DIR/sidecar/main.js --help`.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build as bundle, type BuildOptions } from 'esbuild';
import packageJson from './package.json' with { type: 'json' };
import { fillCompileCaches, useCompileCache } from './compile-cache.ts';
import { packDescriptor } from '#shared/xds/protos.ts';

type Component = Readonly<{ name: string; speaksXds: boolean; native: boolean }>;

const components: readonly Component[] = [
  { name: 'control-plane', speaksXds: true, native: false },
  { name: 'sidecar', speaksXds: true, native: true },
  { name: 'meshctl', speaksXds: false, native: false },
];

const root = import.meta.dirname;
const bundling: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  external: ['koffi'],
  // The package of this name, as its users mean it: node's own module says that it is deprecated.
  alias: { punycode: 'punycode/' },
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS among the dependencies asks for node's modules by require.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
};
const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = values.out === undefined ? join(root, 'dist') : resolve(values.out);
const descriptor = JSON.stringify(packDescriptor());
for (const component of components) await buildComponent(component);
await fillCompileCaches(out, sidecarFlags());

async function buildComponent({ name, speaksXds, native }: Component): Promise<void> {
  const folder = join(out, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await bundle({
    ...bundling,
    stdin: { contents: entrySource(name, speaksXds), resolveDir: root, sourcefile: `${name}.entry.ts`, loader: 'ts' },
    outdir: folder,
    entryNames: 'app',
    chunkNames: 'chunks/[hash]',
    splitting: true,
  });
  // By itself: a thread compiles its own code anyway, and one file is loaded with less than many.
  if (name === 'sidecar') {
    await bundle({ ...bundling, entryPoints: ['sidecar/worker.ts'], outfile: join(folder, 'worker-app.js') });
    writeFileSync(join(folder, 'worker.js'), `await ${useCompileCache};\nawait import('./worker-app.js');\n`);
  }
  if (speaksXds) writeFileSync(join(folder, 'envoy.json'), descriptor);
  if (native) copyKoffi(join(folder, 'node_modules'));
  if (name === 'meshctl') copyManifests(join(folder, 'manifests'));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name: `tulle-${name}`, type: 'module' })}\n`);
  writeFileSync(join(folder, 'main.js'), launcherSource(speaksXds));
  console.log(`${folder}: ${Math.round(sizeOf(folder) / 1024)} KiB`);
}

/** The descriptor is read when it is needed first; `app.js` lies beside it. */
function entrySource(name: string, speaksXds: boolean): string {
  const start = `await import('./${name}/main.ts');\n`;
  if (!speaksXds) return start;
  const worker = `
    import { useWorkerEntry } from './sidecar/workers/worker-entry.ts';
    useWorkerEntry(new URL('worker.js', import.meta.url));`;
  return `${name === 'sidecar' ? worker : ''}
    import { useDescriptorFile } from './shared/xds/protos.ts';
    useDescriptorFile(new URL('envoy.json', import.meta.url));
    ${start}`;
}

/** Plain JavaScript that any Node reads, so that the wrong one is told what is wrong. */
function launcherSource(hasCompileCache: boolean): string {
  const check = readFileSync(join(root, 'require-node.mjs'), 'utf8');
  return `${check}${hasCompileCache ? `${useCompileCache}.then(() => import('./app.js'))` : "import('./app.js')"};\n`;
}

/** The flags of Node in `npm run sidecar`: V8 keeps what it compiles for one set of them. */
function sidecarFlags(): string[] {
  const [, flags = ''] = / --import \S+ (.*) sidecar\/main\.ts$/.exec(packageJson.scripts.sidecar) ?? [];
  return flags.split(' ');
}

function copyKoffi(modules: string): void {
  const source = join(root, 'node_modules');
  // The sources of its native part stay here.
  const isCode = (file: string) => statSync(file).isDirectory() || /\.(?:c?js|json|txt)$/.test(file);
  cpSync(join(source, 'koffi'), join(modules, 'koffi'), {
    recursive: true,
    filter: (file) => isCode(file) && !/koffi.(?:doc|vendor|lib)$/.test(file),
  });
  // Those builds that npm found fit for this machine.
  if (existsSync(join(source, '@koromix')))
    cpSync(join(source, '@koromix'), join(modules, '@koromix'), { recursive: true });
}

/** Those that meshctl reads; examples and overlays are for people. */
function copyManifests(target: string): void {
  for (const part of ['crds', 'control-plane', 'prometheus-operator']) {
    const source = join(root, 'manifests', part);
    const isManifest = (file: string) => statSync(file).isDirectory() || file.endsWith('.yaml');
    cpSync(source, join(target, part), { recursive: true, filter: isManifest });
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + readFileSync(join(entry.parentPath, entry.name)).byteLength, 0);
}
