/**
 * `meshctl check` on installations that are broken on purpose, one way at a time, on a real API server: it names the cause of each, and
 * complains of nothing more once that is put right.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { controlPlaneName, meshNamespace } from '#shared/kubernetes/names.ts';
import type { Finding } from '../../meshctl/check/verdict.ts';
import { aRoot } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ApiServer, withoutKubernetes } from '../support/kubernetes/api-server.ts';
import { deploymentPath, inMesh, StandIn, webhookPaths } from '../support/kubernetes/stand-in.ts';

/** How an installation is broken, what must be said of it, and how it is mended where `meshctl install` does not do it. */
type Break = Readonly<{
  name: string;
  harm: (cluster: StandIn) => Promise<void>;
  says: RegExp;
  /** Default: installed again, and come alive. */
  mend?: (cluster: StandIn) => Promise<void>;
}>;

const dayMs = 86_400_000;
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const rootPath = '/api/v1/namespaces/default/configmaps/tulle-ca-root-cert';
const namespacePath = (name: string) => `/api/v1/namespaces/${name}`;
const podPath = (name: string) => `${namespacePath('shop')}/pods/${name}`;
const aNamespace = (labels: object) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { labels } });
const aPod = (metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }] },
});
const label = (cluster: StandIn, name: string, labels: object) =>
  cluster.api.patch(namespacePath(name), { kind: 'merge', patch: { metadata: { labels } } });
/** Namespace `shop` with the root certificate, as the leader puts it there. */
async function shopWith(cluster: StandIn, labels: object): Promise<void> {
  await label(cluster, 'shop', { 'istio-injection': null, 'mesh.tulle.dev/injection': null, ...labels });
  await cluster.writeRoot('shop', cluster.root.pem);
}
const emptyShop = (cluster: StandIn) =>
  label(cluster, 'shop', {
    'istio-injection': null,
    'mesh.tulle.dev/injection': null,
    'istio.io/rev': null,
    'pod-security.kubernetes.io/enforce': null,
  });
const configMap = (cluster: StandIn, name: string, data: object) =>
  cluster.api.patch(`${inMesh}/configmaps/${name}`, { kind: 'merge', patch: { data } });

const breaks: readonly Break[] = [
  {
    name: 'a definition is deleted',
    harm: (cluster) => cluster.api.remove(`${definitionsPath}/destinationrules.networking.istio.io`),
    says: /error definitions: .*destinationrules\.networking\.istio\.io/,
  },
  {
    name: 'a definition does not serve a version any more',
    harm: async (cluster) => {
      const path = `${definitionsPath}/peerauthentications.security.istio.io`;
      const patch = [{ op: 'replace', path: '/spec/versions/1/served', value: false }];
      await cluster.api.patch(path, { kind: 'json', patch });
    },
    says: /error definitions: .*peerauthentications\.security\.istio\.io does not serve v1beta1/,
  },
  {
    name: 'the schema of a definition is another',
    harm: async (cluster) => {
      const path = `${definitionsPath}/trafficsplits.split.smi-spec.io`;
      const patch = [{ op: 'remove', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/required' }];
      await cluster.api.patch(path, { kind: 'json', patch });
    },
    says: /warning definitions: .*other schemas.*trafficsplits\.split\.smi-spec\.io/,
  },
  {
    name: 'the bundle of the webhooks is that of another root',
    harm: (cluster) => cluster.writeBundles(aRoot().pem, 'Fail'),
    says: /error webhooks: the caBundle of tulle-injector is not the root of the mesh/,
  },
  {
    name: 'the certificate of the webhooks has expired',
    harm: (cluster) => cluster.writeBundles(aRoot({ now: Date.now() - 2 * dayMs, lifeMs: dayMs }).pem, 'Fail'),
    says: /error webhooks: the caBundle of tulle-injector has expired/,
  },
  {
    name: 'the webhooks call a Service that is not there',
    harm: (cluster) => cluster.api.remove(`${inMesh}/services/${controlPlaneName}`),
    says: /error webhooks: tulle-injector calls Service tulle-system\/tulle-control-plane, which is not there/,
  },
  {
    name: 'the injector is not there',
    harm: (cluster) => cluster.api.remove(webhookPaths[0]),
    says: /error webhooks: there is no MutatingWebhookConfiguration tulle-injector: no pod gets a sidecar/,
  },
  {
    name: 'the selector of the injector is changed by hand',
    harm: async (cluster) => {
      const patch = [{ op: 'replace', path: '/webhooks/0/namespaceSelector', value: {} }];
      await cluster.api.patch(webhookPaths[0], { kind: 'json', patch });
    },
    says: /warning webhooks: namespaceSelector of .*injection\.mesh\.tulle\.dev are not as installed/,
  },
  {
    name: 'nobody answers the webhooks, which let all pass',
    harm: async (cluster) => {
      await cluster.writeBundles(cluster.root.pem, 'Ignore');
      await cluster.close();
    },
    says: /error webhooks: a pod for injection is created without a sidecar/,
  },
  {
    name: 'nobody answers the webhooks, which let nothing pass',
    harm: (cluster) => cluster.close(),
    says: /error webhooks: a pod for injection cannot be created: .*connection refused/,
  },
  {
    name: 'a rule is missing in the role',
    harm: async (cluster) => {
      const role = await cluster.api.read(`${rbac}/clusterroles/${controlPlaneName}`);
      const rules = ((role?.['rules'] ?? []) as { resources: string[] }[]).filter(
        ({ resources }) => !resources.includes('tokenreviews'),
      );
      await cluster.api.patch(`${rbac}/clusterroles/${controlPlaneName}`, { kind: 'merge', patch: { rules } });
    },
    says: /error rights.*: ClusterRole tulle-control-plane does not give the right to create tokenreviews\.authentication/,
  },
  {
    name: 'the role is bound to nobody',
    harm: async (cluster) => {
      const path = `${rbac}/namespaces/${meshNamespace}/rolebindings/${controlPlaneName}`;
      await cluster.api.patch(path, { kind: 'merge', patch: { subjects: [] } });
    },
    says: /error rights.*: RoleBinding tulle-control-plane does not name the account in tulle-system/,
  },
  {
    name: 'a ConfigMap is missing',
    harm: (cluster) => cluster.api.remove(`${inMesh}/configmaps/tulle-injector`),
    says: /error control plane: there is no ConfigMap tulle-injector in tulle-system/,
  },
  {
    name: 'the settings of the mesh are no YAML',
    harm: async (cluster) => void (await configMap(cluster, 'tulle-mesh', { mesh: 'rootNamespace: [' })),
    says: /error control plane: ConfigMap tulle-mesh in tulle-system is no YAML/,
  },
  {
    name: 'the settings of the mesh have a wrong value',
    harm: async (cluster) => void (await configMap(cluster, 'tulle-mesh', { mesh: 'accessLogEncoding: MORSE\n' })),
    says: /error control plane: ConfigMap tulle-mesh in tulle-system: accessLogEncoding: /,
  },
  {
    name: 'two meshes inject into one namespace',
    harm: async (cluster) => {
      await shopWith(cluster, { 'istio-injection': 'enabled' });
      await cluster.put('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        webhooks: [
          {
            name: 'namespace.sidecar-injector.istio.io',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            failurePolicy: 'Ignore',
            clientConfig: { url: 'https://127.0.0.1:1/inject' },
            namespaceSelector: { matchLabels: { 'istio-injection': 'enabled' } },
          },
        ],
      });
    },
    says: /error namespaces: pods in shop get a second proxy, by istio-sidecar-injector/,
    mend: async (cluster) => {
      await cluster.remove(
        '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector',
      );
      await emptyShop(cluster);
    },
  },
  {
    name: 'a namespace is labelled both ways',
    harm: (cluster) => shopWith(cluster, { 'istio-injection': 'enabled', 'mesh.tulle.dev/injection': 'disabled' }),
    says: /warning namespaces: namespace shop: mesh\.tulle\.dev\/injection=disabled and istio-injection=enabled/,
    mend: async (cluster) => void (await emptyShop(cluster)),
  },
  {
    name: 'a namespace refuses the container that captures',
    harm: (cluster) =>
      shopWith(cluster, { 'istio-injection': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' }),
    says: /error namespaces: namespace shop enforces restricted: istio-init needs NET_ADMIN/,
    mend: async (cluster) => void (await emptyShop(cluster)),
  },
  {
    name: 'the namespace of the control plane is labelled for injection',
    harm: async (cluster) => void (await label(cluster, meshNamespace, { 'mesh.tulle.dev/injection': 'enabled' })),
    says: /error control plane: namespace tulle-system is labelled for injection/,
  },
  {
    name: 'the control plane has no replicas',
    harm: async (cluster) => {
      await cluster.api.patch(deploymentPath, { kind: 'merge', patch: { spec: { replicas: 0 } } });
    },
    says: /error control plane: it has 0 replicas/,
  },
  {
    name: 'a replica crashes again and again',
    harm: async (cluster) => {
      const [pod] = await cluster.pods();
      const status = {
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [
          {
            name: 'control-plane',
            ready: false,
            restartCount: 7,
            image: 'x',
            imageID: 'x',
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } },
            lastState: { terminated: { reason: 'Error', exitCode: 70 } },
          },
        ],
      };
      await cluster.api.patch(`${inMesh}/pods/${pod!.metadata.name}/status`, { kind: 'merge', patch: { status } });
    },
    says: /error control plane: tulle-control-plane-.*: control-plane: CrashLoopBackOff .*ended 7 times, last by Error with exit code 70/,
    mend: (cluster) => cluster.makeReady(),
  },
  {
    name: 'nobody leads',
    harm: (cluster) => cluster.writeLease(new Date(Date.now() - 3 * 3_600_000)),
    says: new RegExp(`error control plane: control-plane-1 led last, and was heard of 10[78]\\d\\d s ago`),
  },
  {
    name: 'the root has expired',
    harm: async (cluster) => {
      const old = aRoot({ now: Date.now() - 10 * dayMs, lifeMs: 9 * dayMs });
      await cluster.writeAuthority(old.pem, old.keyPem);
    },
    says: /error certificates: the root certificate expired on /,
  },
  {
    name: 'the root expires in a week',
    harm: async (cluster) => {
      const old = aRoot({ lifeMs: 6.5 * dayMs });
      await cluster.writeAuthority(old.pem, old.keyPem);
    },
    says: /error certificates: the root certificate expires in 6 days/,
  },
  {
    name: 'the key of the authority is that of another certificate',
    harm: (cluster) => cluster.writeAuthority(cluster.root.pem, aRoot().keyPem),
    says: /error certificates: in Secret tulle-ca in tulle-system the key is not that of the certificate/,
  },
  {
    name: 'the authority is gone',
    harm: (cluster) => cluster.api.remove(`${inMesh}/secrets/tulle-ca`),
    says: /error certificates: there is no Secret tulle-ca in tulle-system/,
  },
  {
    name: 'a namespace has another root certificate',
    harm: async (cluster) => {
      await shopWith(cluster, { 'istio-injection': 'enabled' });
      await cluster.writeRoot('shop', aRoot().pem);
    },
    says: /error certificates: tulle-ca-root-cert in shop is not the root of the authority/,
    mend: async (cluster) => void (await emptyShop(cluster)),
  },
  {
    name: 'a namespace has no root certificate',
    harm: async (cluster) => {
      await shopWith(cluster, { 'istio-injection': 'enabled' });
      await cluster.api.remove(rootPath.replace('default', 'shop'));
    },
    says: /error certificates: no tulle-ca-root-cert in shop: pods do not start there/,
    mend: async (cluster) => void (await emptyShop(cluster)),
  },
  {
    name: 'a webhook of an earlier installation is left',
    harm: (cluster) =>
      cluster.put('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tulle-validator-old', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        webhooks: [
          {
            name: 'old.mesh.tulle.dev',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            failurePolicy: 'Ignore',
            clientConfig: { service: { name: controlPlaneName, namespace: 'tulle-old', path: '/validate' } },
          },
        ],
      }),
    says: /error webhooks: ValidatingWebhookConfiguration tulle-validator-old calls .*, whose namespace tulle-old is gone/,
    mend: (cluster) =>
      cluster.remove('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tulle-validator-old'),
  },
  {
    name: 'a pod missed its sidecar',
    harm: async (cluster) => {
      await cluster.put(podPath('early'), aPod());
      await shopWith(cluster, { 'istio-injection': 'enabled' });
    },
    says: /warning sidecars: no sidecar in shop\/early/,
    mend: async (cluster) => {
      await cluster.remove(podPath('early'));
      await emptyShop(cluster);
    },
  },
  {
    name: 'a sidecar is not ready',
    harm: async (cluster) => {
      await shopWith(cluster, { 'istio-injection': 'enabled' });
      await cluster.put(podPath('late'), aPod());
    },
    says: /error sidecars: shop\/late: it is Pending/,
    mend: async (cluster) => {
      await cluster.remove(podPath('late'));
      await emptyShop(cluster);
    },
  },
  {
    name: 'a resource is wrong that was stored before it was judged',
    harm: async (cluster) => {
      await cluster.writeBundles(cluster.root.pem, 'Ignore');
      await cluster.close();
      await cluster.put('/apis/networking.istio.io/v1/namespaces/shop/virtualservices/wrong', {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        spec: { hosts: ['orders'], http: [{ name: 'nowhere' }] },
      });
      await cluster.comeAlive();
    },
    says: /error configuration: VirtualService shop\/wrong is refused: spec\.http\[0\]/,
    mend: (cluster) => cluster.remove('/apis/networking.istio.io/v1/namespaces/shop/virtualservices/wrong'),
  },
  {
    name: 'strict mutual TLS leaves pods out',
    harm: async (cluster) => {
      await cluster.put(podPath('plain'), aPod());
      await cluster.put('/apis/security.istio.io/v1/namespaces/shop/peerauthentications/default', {
        apiVersion: 'security.istio.io/v1',
        kind: 'PeerAuthentication',
        spec: { mtls: { mode: 'STRICT' } },
      });
    },
    says: /warning sidecars: with STRICT in shop, what these pods call refuses them: shop\/plain/,
    mend: async (cluster) => {
      await cluster.remove(podPath('plain'));
      await cluster.remove('/apis/security.istio.io/v1/namespaces/shop/peerauthentications/default');
    },
  },
];

suite('meshctl check on broken installations', { skip: withoutKubernetes ?? false }, () => {
  let server: ApiServer;
  let cluster: StandIn;
  before(async () => {
    server = await ApiServer.start();
    cluster = new StandIn(server);
    await cluster.install();
    await cluster.put(namespacePath('shop'), aNamespace({}));
    await cluster.put('/api/v1/namespaces/shop/serviceaccounts/default', { apiVersion: 'v1', kind: 'ServiceAccount' });
    await cluster.comeAlive();
  });
  after(async () => {
    await cluster.close();
    await server.close();
  });

  /** One line a complaint. Of the server's age nothing can be mended. */
  const complaints = async (): Promise<readonly string[]> => {
    const { findings } = await cluster.check();
    const isComplaint = ({ state, category }: Finding) =>
      (state === 'error' || state === 'warning') && category !== 'cluster';
    return findings.filter(isComplaint).map(({ state, category, message }) => `${state} ${category}: ${message}`);
  };

  test('there are more than twenty', () => assert.ok(breaks.length > 20));

  for (const { name, harm, says, mend } of breaks) {
    test(name, async () => {
      await harm(cluster);
      const found = await eventually(async () => {
        const now = await complaints();
        return now.some((line) => says.test(line)) ? now : Promise.reject(new Error(now.join('\n') || 'no complaint'));
      }, 5000);
      assert.ok(found.some((line) => says.test(line)));
      if (mend === undefined) await cluster.install();
      else await mend(cluster);
      await cluster.comeAlive();
      // A Deployment hears of its pods a moment later.
      await eventually(async () => assert.deepEqual(await complaints(), []), 20_000);
    });
  }

  test('each complaint says what to do', async () => {
    await cluster.api.remove(`${inMesh}/configmaps/tulle-mesh`);
    const { findings, exitCode } = await cluster.check();
    const [finding] = findings.filter(({ state }) => state === 'error');
    assert.match(finding!.hint, /run `meshctl install` again/);
    assert.equal(exitCode, 79);
    await cluster.install();
  });

  test('a server that does not answer is told from an installation that is broken', async () => {
    await server.kill();
    await assert.rejects(cluster.check(), { exitCode: 69 });
    await server.resume();
  });
});
