import { rootCertificateConfigMap, tokenAudience } from '../kubernetes/names.ts';
import { annotation } from './annotations.ts';
import { isJsonObject, type JsonObject, type Pod } from './pod.ts';

/** Seconds; the kubelet renews the token long before. */
const tokenLifeSeconds = 43_200;

type Volume = { name: string } & JsonObject;

/** What a sidecar reads and writes: its token, the root, its pod's labels and annotations, and its own data. */
export const sidecarVolumes: readonly Volume[] = [
  { name: 'istio-data', emptyDir: {} },
  {
    name: 'istio-podinfo',
    downwardAPI: {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
      ],
    },
  },
  {
    name: 'istio-token',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'istio-token', expirationSeconds: tokenLifeSeconds, audience: tokenAudience } },
      ],
    },
  },
  { name: 'istiod-ca-cert', configMap: { name: rootCertificateConfigMap.name } },
];

export const sidecarMounts: readonly JsonObject[] = [
  { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
  { name: 'istio-data', mountPath: '/var/lib/istio/data' },
  { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
  { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
];

/** Volumes that a pod wants beside (`sidecar.istio.io/userVolume`: sources by name). */
export function userVolumes(pod: Pod): Volume[] {
  return namedObjects(annotation(pod, 'sidecar.istio.io/userVolume'));
}

/** Where a pod wants volumes in its sidecar (`sidecar.istio.io/userVolumeMount`: mounts by name of the volume). */
export function userMounts(pod: Pod): JsonObject[] {
  return namedObjects(annotation(pod, 'sidecar.istio.io/userVolumeMount'));
}

/** The text was checked before. */
function namedObjects(text: string | undefined): Volume[] {
  const objects: unknown = JSON.parse(text ?? '{}');
  return Object.entries(isJsonObject(objects) ? objects : {}).map(([name, value]) => ({
    name,
    ...(isJsonObject(value) ? value : {}),
  }));
}
