/**
 * The control plane beside a real API server: two replicas as processes that share its root, answer its webhooks by `url:`, lead by
 * lease and write status. Sidecars and pods are the business of other suites.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { createCertificate } from '#shared/certificates/create-certificate.ts';
import { uriSans } from '#shared/x509/certificate.ts';
import { X509Certificate } from 'node:crypto';
import { createCsr } from '#shared/x509/csr.ts';
import { aKeyPair, aRoot } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ApiServer, withoutKubernetes } from '../support/kubernetes/api-server.ts';
import { apply, kubeconfigOf, Replica, runKubectl, startProxy } from '../support/kubernetes/replica.ts';

const namespace = 'tulle-system';
const crds = new URL('../../manifests/crds/', import.meta.url);
const own = new URL('../../manifests/control-plane/', import.meta.url);

const aVirtualService = (name: string, spec = 'http: [{route: [{destination: {host: reviews}}]}]') => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: shop}
spec: {hosts: [${name}], ${spec}}`;

const aService = (name: string) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{port: 80, name: http}]}`;

const aNamespace = (name: string, labels = '{}') =>
  `\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: ${labels}}`;

/** Our webhook configurations with the address of a process in place of the Service. */
const webhooksAt = (address: string) => `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: tulle-validator}
webhooks:
  - name: validation.mesh.tulle.dev
    clientConfig: {url: 'https://${address}/validate'}
    admissionReviewVersions: [v1, v1beta1]
    sideEffects: None
    failurePolicy: Ignore
    rules: [{apiGroups: [networking.istio.io], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: ['*']}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: tulle-injector}
webhooks:
  - name: namespace.injection.mesh.tulle.dev
    clientConfig: {url: 'https://${address}/inject'}
    admissionReviewVersions: [v1, v1beta1]
    sideEffects: None
    failurePolicy: Ignore
    rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    namespaceSelector: {matchLabels: {istio-injection: enabled}}`;

type View = Readonly<{ leader: string; replicas: readonly string[]; missedInjection: readonly { name: string }[] }>;

describe('the control plane on Kubernetes', { skip: withoutKubernetes ?? false }, () => {
  let api: ApiServer;
  /** Of the control plane's own account: it may do what its manifests say, and no more. */
  let kubeconfig: string;
  const replicas: Replica[] = [];
  const started: Replica[] = [];
  const start = async (name: string) => {
    const replica = await Replica.start(kubeconfig, name);
    replicas.push(replica);
    started.push(replica);
  };
  const get = async (kind: string, name: string, path: string, of = 'shop') => {
    const args = ['get', kind, name, '-n', of, '-o', `jsonpath=${path}`];
    return (await runKubectl(api, args)).stdout;
  };
  const view = (replica: Replica) => replica.admin('/api/v1/cluster') as Promise<View>;
  const first = () => replicas[0]!;
  const second = () => replicas[1]!;
  const policies = async () =>
    Promise.all([
      get('validatingwebhookconfiguration', 'tulle-validator', '{.webhooks[*].failurePolicy}'),
      get('mutatingwebhookconfiguration', 'tulle-injector', '{.webhooks[*].failurePolicy}'),
    ]);
  const token = async (audience: string) => {
    const body = JSON.stringify({ spec: { audiences: [audience], expirationSeconds: 3600 } });
    const path = '/api/v1/namespaces/shop/serviceaccounts/default/token';
    const { stdout } = await runKubectl(api, ['create', '--raw', path, '-f', '-'], body);
    return (JSON.parse(stdout) as { status: { token: string } }).status.token;
  };
  const root = () => get('configmap', 'tulle-ca-root-cert', '{.data.root-cert\\.pem}');

  before(async () => {
    api = await ApiServer.start();
    const files = (await readdir(crds)).filter((file) => /\.[a-z-]+\.io\.yaml$/.test(file));
    const definitions = await Promise.all(files.map((file) => readFile(new URL(file, crds), 'utf8')));
    await apply(api, definitions.join('\n---\n') + aNamespace(namespace) + aNamespace('shop'));
    await runKubectl(api, ['wait', '--for', 'condition=established', '--timeout=60s', 'crd', '--all']);
    const rights = ['service-account', 'role', 'cluster-role'].map((name) =>
      readFile(new URL(`${name}.yaml`, own), 'utf8'),
    );
    await apply(api, (await Promise.all(rights)).join('\n---\n'));
    kubeconfig = await kubeconfigOf(api, namespace, 'tulle-control-plane');
    await start('cp-a');
    await apply(api, webhooksAt(first().addresses.webhooks));
    await start('cp-b');
    await eventually(async () => (await policies()).join() === 'Fail,Fail', 30_000);
  });
  after(async () => {
    for (const replica of replicas) await replica.end();
    await api?.close();
    // The roles of the manifests are enough, and that nothing happens for half a minute is no failure.
    for (const { log } of started) assert.doesNotMatch(log, /forbidden|due to timeout/);
  });

  test('the first replica made the root, and every namespace has it, new ones too', async () => {
    await eventually(async () => (await root()).startsWith('-----BEGIN'));
    const roots = await Promise.all(
      replicas.map(async ({ folder }) => (await readFile(`${folder}/ca.pem`, 'utf8')).trim()),
    );
    assert.deepEqual(new Set(roots), new Set([(await root()).trim()]));
    await apply(api, aNamespace('late'));
    await eventually(
      async () => (await get('configmap', 'tulle-ca-root-cert', '{.data}', 'late')).includes('BEGIN'),
      10_000,
    );
    await runKubectl(api, ['delete', 'configmap', 'tulle-ca-root-cert', '-n', 'late']);
    await eventually(async () => (await get('configmap', 'tulle-ca-root-cert', '{.data}', 'late')) !== '', 10_000);
  });

  test('what is wrong is refused at kubectl apply, doubts are shown, and a dry run changes nothing', async () => {
    await apply(api, aService('reviews'));
    await eventually(
      async () =>
        ((await first().admin('/api/v1/resources?kind=Service&namespace=shop')) as { items: unknown[] }).items.length >
        0,
    );
    const wrong = await runKubectl(api, ['apply', '-f', '-'], aVirtualService('bad', 'http: [{timeout: soon}]'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /admission webhook "validation.mesh.tulle.dev" denied the request: spec\.http\[0\]/);
    assert.match(wrong.stderr, /"soon" is not a duration/);
    const doubtful = aVirtualService('doubt', 'http: [{route: [{destination: {host: nowhere}}]}]');
    const dry = await runKubectl(api, ['apply', '--dry-run=server', '-f', '-'], doubtful);
    assert.match(dry.stderr, /Warning: .*nowhere.* is not found/);
    assert.equal(await get('virtualservice', 'doubt', '{.metadata.name}'), '');
    assert.equal(await apply(api, aVirtualService('reviews')), 'virtualservice.networking.istio.io/reviews created\n');
    const taken = aVirtualService('other').replace('hosts: [other]', 'hosts: [reviews]');
    const conflict = await runKubectl(api, ['apply', '-f', '-'], taken);
    assert.match(conflict.stderr, /denied the request: .*host reviews\.shop.* which wins: the rules here do not hold/);
    const inKubeSystem = aVirtualService('bad', 'http: [{timeout: soon}]').replaceAll('shop', 'kube-system');
    assert.match(await apply(api, inKubeSystem), /is not a duration[\s\S]*created|created[\s\S]*is not a duration/);
    await runKubectl(api, ['delete', 'virtualservice', 'bad', '-n', 'kube-system']);
  });

  test('conditions say what became of each version, by the leader alone', async () => {
    await apply(api, aVirtualService('reviews'));
    const conditions = '{range .status.conditions[*]}{.type}={.status} {.message};{end}{.status.observedGeneration}';
    await eventually(async () => {
      const told = await get('virtualservice', 'reviews', conditions);
      assert.equal(told, 'Accepted=True valid;Distributed=True applied 0/0;Reconciled=True 0/0 proxies up to date.;1');
    });
    const version = await get('virtualservice', 'reviews', '{.metadata.resourceVersion}');
    await apply(api, aVirtualService('reviews', 'http: [{timeout: 3s, route: [{destination: {host: gone}}]}]'));
    await eventually(async () => {
      const told = await get('virtualservice', 'reviews', conditions);
      assert.match(told, /^Accepted=True spec\.http\[0\]\.route\[0\]\.destination: host gone\..*\[IST0101\];.*;2$/);
    });
    assert.notEqual(await get('virtualservice', 'reviews', '{.metadata.resourceVersion}'), version);
    assert.match(await get('virtualservice', 'reviews', '{.status.validationMessages}'), /"code":"IST0101"/);
    const written = await Promise.all(replicas.map((replica) => replica.metric('tulle_status_written_total')));
    const leader = (await view(first())).leader;
    assert.deepEqual(
      written.map((count) => (count ?? 0) > 0),
      replicas.map(({ name }) => name === leader),
    );
    // What was written comes back by the informers and is not written again.
    const settled = await eventually(async () => {
      const before = await get('virtualservice', 'reviews', '{.metadata.resourceVersion}');
      const look = await get('virtualservice', 'reviews', '{.metadata.resourceVersion}');
      return before === look && before;
    });
    await apply(api, aService('another'));
    await eventually(
      async () =>
        ((await first().admin('/api/v1/resources?kind=Service&namespace=shop')) as { items: unknown[] }).items.length >
        1,
    );
    assert.equal(await get('virtualservice', 'reviews', '{.metadata.resourceVersion}'), settled);
  });

  test('a pod gets its certificate for the token of its service account, and for no other token', async () => {
    await eventually(async () => (await get('serviceaccount', 'default', '{.metadata.name}')) !== '');
    const serverName = 'tulle-control-plane.tulle-system.svc';
    const target = { address: second().addresses.tls[0]!, serverName, rootsPem: await root(), own: null };
    const ask = (bearer: string) =>
      createCertificate({ target, token: bearer, csr: createCsr(aKeyPair()), validityMs: 0, timeoutMs: 10_000 });
    const chain = await ask(await token('istio-ca'));
    assert.deepEqual(uriSans(new X509Certificate(chain[0]!).raw), ['spiffe://cluster.local/ns/shop/sa/default']);
    await assert.rejects(ask(await token('https://kubernetes.default.svc')), /service account token/);
  });

  test('how far a resource has come is counted over the proxies of all replicas', async (t) => {
    const stop = await Promise.all(
      replicas.map(async (replica, at) => startProxy(replica, `proxy-${at}`, await token('istio-ca'))),
    );
    t.after(() => Promise.all(stop.map((end) => end())));
    for (const replica of replicas)
      await eventually(
        async () => ((await replica.admin('/api/v1/proxies')) as { items: unknown[] }).items.length === 1,
        30_000,
      );
    await apply(api, aVirtualService('reviews', 'http: [{timeout: 7s, route: [{destination: {host: reviews}}]}]'));
    const path =
      '{.status.conditions[?(@.type=="Distributed")].status} {.status.conditions[?(@.type=="Distributed")].message}';
    await eventually(
      async () => assert.equal(await get('virtualservice', 'reviews', path), 'True applied 2/2'),
      30_000,
    );
  });

  test('a bundle that somebody mangles is mended', async () => {
    const path = '{.webhooks[0].clientConfig.caBundle}';
    const isRight = async () => {
      const bundle = await get('validatingwebhookconfiguration', 'tulle-validator', path);
      assert.equal(Buffer.from(bundle, 'base64').toString().trim(), (await root()).trim());
    };
    await isRight();
    const mangled = webhooksAt(first().addresses.webhooks);
    await apply(api, mangled.replaceAll('clientConfig: {', "clientConfig: {caBundle: '', "));
    await eventually(isRight);
    await eventually(async () => assert.deepEqual(await policies(), ['Fail', 'Fail']));
  });

  test('pods that missed their injection are told', async () => {
    const pod = (name: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: inject}
spec: {serviceAccountName: default, containers: [{name: app, image: app}]}`;
    await apply(api, aNamespace('inject'));
    await apply(api, pod('early'));
    await runKubectl(api, ['label', 'namespace', 'inject', 'istio-injection=enabled']);
    await eventually(async () => (await view(first())).missedInjection.map(({ name }) => name).join() === 'early');
    await apply(api, pod('late'));
    const names = '{.spec.containers[*].name} {.spec.initContainers[*].name}';
    assert.match(await get('pod', 'late', names, 'inject'), /istio-proxy/);
    assert.deepEqual(
      [(await view(first())).missedInjection.length, await first().metric('tulle_injection_missed_pods')],
      [1, 1],
    );
  });

  test('a new authority in the Secret is used at once, without a restart: webhooks, roots and certificates', async () => {
    const next = aRoot();
    const old = await root();
    const data = {
      'ca-cert.pem': next.pem,
      'ca-key.pem': next.keyPem,
      'root-cert.pem': next.pem + old,
    };
    const encoded = Object.entries(data).map(([name, pem]) => [name, Buffer.from(pem).toString('base64')]);
    const patch = JSON.stringify({ data: Object.fromEntries(encoded) as object });
    await runKubectl(api, ['patch', 'secret', 'tulle-ca', '-n', namespace, '-p', patch]);
    await eventually(async () => assert.equal((await root()).trim(), (next.pem + old).trim()));
    for (const { addresses } of replicas)
      await eventually(async () => (await certificateOf(addresses.webhooks)).verify(next.certificate.x509.publicKey));
    await eventually(async () => {
      const wrong = await runKubectl(api, ['apply', '-f', '-'], aVirtualService('bad', 'http: [{timeout: soon}]'));
      assert.match(wrong.stderr, /denied the request/);
    });
  });

  test('the leader that is killed is followed, and with one replica the webhooks are in nobody’s way', async () => {
    const { leader } = await view(first());
    const dead = replicas.findIndex(({ name }) => name === leader);
    const [killed] = replicas.splice(dead, 1);
    await killed!.end('SIGKILL');
    const survivor = first();
    await eventually(async () => (await view(survivor)).leader === survivor.name, 30_000);
    assert.equal(await survivor.metric('tulle_leader'), 1);
    await eventually(async () => assert.deepEqual(await policies(), ['Ignore', 'Ignore']), 30_000);
    assert.deepEqual((await view(survivor)).replicas, [survivor.name]);
    await apply(api, aNamespace('after'));
    await eventually(async () => (await get('configmap', 'tulle-ca-root-cert', '{.data}', 'after')) !== '', 10_000);
  });

  test('a leader that ends in good order is followed within seconds', async () => {
    await start('cp-c');
    await eventually(async () => assert.deepEqual(await policies(), ['Fail', 'Fail']), 30_000);
    const [leaving] = replicas.splice(0, 1);
    await leaving!.end('SIGTERM');
    assert.deepEqual(await policies(), ['Ignore', 'Ignore']);
    await eventually(async () => (await view(first())).leader === 'cp-c', 5000);
    assert.equal(
      (await runKubectl(api, ['get', 'lease', '-n', namespace, '-o', 'name'])).stdout.includes(leaving!.name),
      false,
    );
  });
});

/** The certificate that a server shows. */
function certificateOf(address: string): Promise<X509Certificate> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host!, port: Number(port), rejectUnauthorized: false }, () => {
      const leaf = socket.getPeerX509Certificate();
      socket.destroy();
      if (leaf === undefined) reject(new Error(`${address} shows no certificate`));
      else resolve(leaf);
    });
    socket.on('error', reject);
  });
}
