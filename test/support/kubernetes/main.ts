/** A cluster to try things on: `node test/support/kubernetes/main.ts [--install]`, until Ctrl-C. */
import { parseArgs } from 'node:util';
import { Cluster, withoutCluster } from './cluster.ts';
import { startMeshCluster } from './mesh-cluster.ts';

const { values } = parseArgs({ options: { install: { type: 'boolean', default: false } } });
if (withoutCluster !== undefined) {
  console.error(withoutCluster);
  process.exit(69);
}
const cluster = values.install ? await startMeshCluster() : await Cluster.start();
console.log(`export KUBECONFIG=${cluster.api.kubeconfig} PATH=${cluster.programs}:$PATH`);
const close = () => void cluster.close().then(() => process.exit(0));
process.on('SIGINT', close);
process.on('SIGTERM', close);
