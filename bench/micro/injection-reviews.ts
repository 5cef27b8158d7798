import { injectionWebhook } from '../../control-plane/injector/webhook.ts';
import { corpus, corpusPods } from '../../shared/injection/corpus.fixture.ts';

/** A webhook for each input of the injection corpus, since each has settings of its own, and the reviews of that input's pods. */
export const reviewedInputs = corpus.map((one) => ({
  webhook: injectionWebhook(() => one.settings, {
    namespaceOf: () => ({ labels: { 'istio-injection': 'enabled' }, annotations: {} }),
    takesNativeSidecars: () => true,
  }),
  bodies: corpusPods(one.file).map(({ pod, namespace }) =>
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        namespace: namespace ?? 'default',
        operation: 'CREATE',
        userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
        object: { apiVersion: 'v1', kind: 'Pod', ...pod },
      },
    }),
  ),
}));
