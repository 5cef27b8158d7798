import { issueServerLeaf, newSerial, type Issuer } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import { defaultInjectionSettings } from '#shared/injection/injection-settings.ts';
import { controlPlaneName, meshNamespace } from '#shared/kubernetes/names.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { emptyCatalog } from '../../../control-plane/catalog/catalog.ts';
import { validateReview } from '../../../control-plane/admission/validate.ts';
import { injectionWebhook } from '../../../control-plane/injector/webhook.ts';
import { startWebhookServer, type WebhookServer } from '../../../control-plane/webhooks/server.ts';
import { aKeyPair } from '../certificates.ts';

/** Answers at an address of a Service, in loopback, as the control plane does: by its own handlers, with a certificate of `issuer`. */
export function answerWebhooks(host: string, issuer: Issuer): Promise<WebhookServer> {
  const { publicKey, privateKey } = aKeyPair();
  const now = Date.now();
  const request = {
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    serial: newSerial(),
    notBefore: now - 60_000,
    notAfter: now + 3_600_000,
  };
  const dnsNames = [`${controlPlaneName}.${meshNamespace}.svc`];
  const chainPem = encodePem('CERTIFICATE', issueServerLeaf(issuer, request, { dnsNames, addresses: [] }));
  const key = new Secret(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const settings = defaultInjectionSettings('tulle/sidecar');
  const facts = { namespaceOf: () => null, takesNativeSidecars: () => false };
  const context = { catalog: emptyCatalog, mesh: defaultMeshConfig, exempt: [] };
  return startWebhookServer({
    listen: { host, port: 443 },
    credentials: new WatchSource({ chainPem, key }),
    handlers: {
      '/inject': injectionWebhook(() => settings, facts),
      '/validate': (review) => validateReview(review, context),
    },
    awaited: () => [],
    onAnswer: () => {},
    onFault: (message) => console.error(message),
  });
}
