import type { Manifest } from '../install/manifests.ts';
import { refOf } from '../install/manifests.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { Right } from './facts.ts';

/** What `meshctl install` does with an object. */
const verbs = ['get', 'create', 'patch'];

type Asked = Readonly<{ group: string; resource: string; namespace: string; verb: string }>;

/** Asks the API server whether this account may apply everything that an installation consists of. */
export async function readRights(
  { api, discovery }: Cluster,
  expected: readonly Manifest[],
): Promise<readonly Right[]> {
  const asked = new Map<string, Asked>();
  for (const manifest of expected) {
    const { apiVersion, kind, namespace } = refOf(manifest);
    const served = await discovery.find(apiVersion, kind);
    if (served === null) continue;
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    for (const verb of verbs)
      asked.set(`${verb} ${group} ${served.plural} ${namespace}`, { group, resource: served.plural, namespace, verb });
  }
  return Promise.all(
    [...asked.values()].map(async ({ group, resource, namespace, verb }) => {
      const review = await api.create('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { group, resource, verb, ...(namespace === '' ? {} : { namespace }) } },
      });
      const { allowed = false } = (review['status'] ?? {}) as { allowed?: boolean };
      return { verb, resource: group === '' ? resource : `${resource}.${group}`, isAllowed: allowed };
    }),
  );
}
