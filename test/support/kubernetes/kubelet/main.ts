/**
 * A node: `unshare --net --mount node main.ts --folder DIR --node NAME`. Makes the network namespace that it was started in the node's
 * network, then waits on DIR/control.sock for the address of the API server. Everything that it starts dies with it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Control } from './control.ts';
import { buildImages } from './image-table.ts';
import { Kubelet } from './kubelet.ts';
import { setUpNode } from './sandbox.ts';

const { values } = parseArgs({ options: { folder: { type: 'string' }, node: { type: 'string', default: 'node-1' } } });
const folder = values.folder;
if (folder === undefined) throw new Error('--folder DIR is missing');

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const repository = realpathSync(new URL('../../../..', import.meta.url));
const nodeFolder = dirname(realpathSync(process.execPath));
const bundles = join(folder, 'images');
const bin = join(folder, 'bin');
mkdirSync(bundles, { recursive: true });
mkdirSync(bin);
chmodSync(folder, 0o755);
const shown = [...new Set([repository, realpathSync(join(repository, 'node_modules')), nodeFolder, bundles, bin])];
const opened = [...new Set(shown.flatMap(above))].filter((path) => (statSync(path).mode & 0o5) !== 0o5);
const path = [bin, nodeFolder, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');

// What pods write is in memory, seen by this process and its own alone, and gone with it.
const data = join(folder, 'data');
mkdirSync(data);
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', data]);
const images = buildImages({ repository, bundles, bin });
await setUpNode((name, value) => writeFileSync(`/proc/sys/net/${name}`, value));

let kubelet: Kubelet | undefined;
const control = new Control(async ({ token, port }) => {
  const access = { host: '127.0.0.1', port, token };
  kubelet = new Kubelet({
    access,
    nodeName: values.node,
    folder: data,
    images: await images,
    shown,
    opened,
    path,
    log,
  });
  await kubelet.start();
  return kubelet;
});
await control.listen(join(folder, 'control.sock'));

const close = async () => {
  await kubelet?.close();
  control.close();
  process.exit(0);
};
process.on('SIGTERM', () => void close());
process.on('SIGINT', () => void close());

/** The folders above a path, but for the root. */
function above(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [parent, ...above(parent)];
}
