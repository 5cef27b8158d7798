/** What the pods of a namespace refer to, looked up in the kubelet's stores. */
import type { V1ObjectReference } from '@kubernetes/client-node';
import type { Api, Store } from './api.ts';
import type { ConfigMap, Pod, Secret } from './objects.ts';
import type { Files, VolumeSources } from './volumes.ts';

type TokenRequest = Readonly<{ status: { token: string } }>;

const decoded = (data: Readonly<Record<string, string>> = {}): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')]));

const strings = (files: Files): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([key, value]) => [key, value.toString()]));

/** Sources of one pod; its tokens are bound to it, as TokenRequest does for a kubelet. */
export function podSources(api: Api, pod: Pod, configMaps: Store<ConfigMap>, secrets: Store<Secret>): VolumeSources {
  const namespace = pod.metadata?.namespace ?? '';
  const configMapData = (name: string): Files | undefined => {
    const found = configMaps.get(namespace, name);
    return found === undefined ? undefined : { ...found.data, ...decoded(found.binaryData) };
  };
  const secretData = (name: string): Files | undefined => {
    const found = secrets.get(namespace, name);
    return found === undefined ? undefined : decoded(found.data);
  };
  const some = (files: Files | undefined) => (files === undefined ? undefined : strings(files));
  return {
    configMapData,
    secretData,
    configMap: (name) => some(configMapData(name)),
    secret: (name) => some(secretData(name)),
    token: async (audience, seconds) => {
      const account = pod.spec?.serviceAccountName ?? 'default';
      const { name, uid } = pod.metadata ?? {};
      const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid } as V1ObjectReference;
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      const { status } = await api.post<TokenRequest>(path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds: seconds, boundObjectRef },
      });
      return status.token;
    },
  };
}
