import { ApiServer, withoutKubernetes } from '../support/kubernetes/api-server.ts';
import { applyObject, deleteObject, installKinds, WatchedCluster } from '../support/kubernetes/watched-cluster.ts';
import { sourceContract } from './source-contract.ts';

sourceContract(
  'an API server of Kubernetes',
  async () => {
    const server = await ApiServer.start();
    const objects = server.objects();
    await installKinds(objects, { TrafficSplit: 'split.smi-spec.io/v1alpha2' });
    let cluster = new WatchedCluster(server.clientConfig());
    await cluster.start();
    return {
      apply: (document) => applyObject(objects, document),
      remove: (document) => deleteObject(objects, document),
      catalog: () => cluster.catalog,
      restart: async () => {
        await cluster.source.close();
        cluster = new WatchedCluster(server.clientConfig());
        await cluster.start();
      },
      close: async () => {
        await cluster.source.close();
        await server.close();
      },
    };
  },
  withoutKubernetes,
);
