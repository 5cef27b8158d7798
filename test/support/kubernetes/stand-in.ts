/**
 * An installation on an API server without kubelets, brought to life by hand: the pods of the control plane are said to be ready, as
 * a kubelet says it, and root, leadership and webhook certificates are written, as the control plane writes them. Its handlers of webhooks
 * answer at the address of its Service.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { clusterApi } from '#shared/kubernetes/cluster-api.ts';
import {
  authoritySecret,
  controlPlaneName,
  injectorWebhook,
  leaderLease,
  meshNamespace,
  rootCertificateConfigMap,
  validatorWebhook,
} from '#shared/kubernetes/names.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { AdminClient } from '../../../meshctl/admin-client.ts';
import type { Finding } from '../../../meshctl/check/verdict.ts';
import { check } from '../../../meshctl/commands/check.ts';
import { install, type InstallFlags } from '../../../meshctl/commands/install.ts';
import type { CommandContext } from '../../../meshctl/context.ts';
import type { OutputFormat } from '../../../meshctl/output/formats.ts';
import { aRoot, type TestRoot } from '../certificates.ts';
import type { WebhookServer } from '../../../control-plane/webhooks/server.ts';
import { answerWebhooks } from './answer-webhooks.ts';
import type { ApiServer } from './api-server.ts';

export const inMesh = `/api/v1/namespaces/${meshNamespace}`;
export const webhookPaths = [
  `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${injectorWebhook.name}`,
  `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${validatorWebhook.name}`,
] as const;
export const deploymentPath = `/apis/apps/v1/namespaces/${meshNamespace}/deployments/${controlPlaneName}`;

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A command's context whose output is kept. */
export function recordingContext(format: OutputFormat = 'table'): CommandContext & { text: () => string } {
  const written: string[] = [];
  return {
    admin: new AdminClient({ host: '127.0.0.1', port: 0, socketPath: null }),
    namespace: null,
    format,
    withHeaders: true,
    sortBy: null,
    out: (text) => written.push(text),
    note: (text) => written.push(`${text}\n`),
    text: () => written.join(''),
  };
}

export class StandIn {
  readonly api: AdminApi;
  readonly root: TestRoot = aRoot({ lifeMs: 365 * 86_400_000 });
  readonly #kubeconfig: string;
  #webhooks: WebhookServer | null = null;

  constructor(server: ApiServer) {
    this.api = clusterApi(server.clientConfig());
    this.#kubeconfig = server.kubeconfig;
  }

  /** `meshctl install`; gives its output. A kubelet is played meanwhile. */
  async install(flags: Partial<InstallFlags> = {}): Promise<string> {
    const context = recordingContext();
    const given: InstallFlags = { kubeconfig: this.#kubeconfig, wait: true, timeout: '60s', ...flags };
    const kubelet = new AbortController();
    const playing = this.#playKubelet(kubelet.signal);
    try {
      await install(context, given);
    } finally {
      kubelet.abort();
      await playing;
    }
    return context.text();
  }

  /** What the control plane does when it is up, and the endpoints that follow from its pods. */
  async comeAlive(): Promise<void> {
    await this.writeAuthority(this.root.pem, this.root.keyPem);
    await this.writeBundles(this.root.pem, 'Fail');
    await this.writeRoot('default', this.root.pem);
    await this.writeLease(new Date());
    await this.writeEndpoints();
    await this.answer();
  }

  /** From now on webhooks are answered, at the address that the Service has now. */
  async answer(): Promise<void> {
    const service = await this.api.read(`${inMesh}/services/${controlPlaneName}`);
    const { clusterIP = '' } = (service?.['spec'] ?? {}) as { clusterIP?: string };
    if (this.#webhooks?.host === clusterIP) return;
    await this.close();
    this.#webhooks = await answerWebhooks(clusterIP, this.root);
  }

  /** Nobody answers webhooks any more. */
  async close(): Promise<void> {
    await this.#webhooks?.close();
    this.#webhooks = null;
  }

  /** `meshctl check`; gives its findings and exit code. */
  async check(pre = false): Promise<Readonly<{ findings: readonly Finding[]; exitCode: number }>> {
    const written: string[] = [];
    const context = { ...recordingContext('json'), out: (text: string) => written.push(text), note: () => {} };
    const exitCode = await check(context, { kubeconfig: this.#kubeconfig, pre });
    return { findings: JSON.parse(written.join('')) as readonly Finding[], exitCode };
  }

  async writeAuthority(certificate: string, key: string, root = certificate): Promise<void> {
    await this.put(`${inMesh}/secrets/${authoritySecret.name}`, {
      apiVersion: 'v1',
      kind: 'Secret',
      data: {
        [authoritySecret.certificate]: base64(certificate),
        [authoritySecret.key]: base64(key),
        [authoritySecret.root]: base64(root),
      },
    });
  }

  /** Puts a bundle and a policy into all webhooks. */
  async writeBundles(pem: string, failurePolicy: 'Fail' | 'Ignore'): Promise<void> {
    for (const path of webhookPaths) {
      const { webhooks } = (await this.api.read(path)) as unknown as { webhooks: readonly object[] };
      const patch = webhooks.flatMap((_hook, index) => [
        { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: base64(pem) },
        { op: 'add', path: `/webhooks/${index}/failurePolicy`, value: failurePolicy },
      ]);
      await this.api.patch(path, { kind: 'json', patch });
    }
  }

  async writeRoot(namespace: string, pem: string): Promise<void> {
    const { name, key } = rootCertificateConfigMap;
    await this.put(`/api/v1/namespaces/${namespace}/configmaps/${name}`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data: { [key]: pem },
    });
  }

  async writeLease(renewed: Date): Promise<void> {
    // MicroTime has six digits.
    const renewTime = renewed.toISOString().replace('Z', '000Z');
    await this.put(`/apis/coordination.k8s.io/v1/namespaces/${meshNamespace}/leases/${leaderLease}`, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      spec: { holderIdentity: 'control-plane-1', leaseDurationSeconds: 3600, renewTime },
    });
  }

  /** An endpoint, which nobody calls: the API server dials the address of the Service. */
  async writeEndpoints(): Promise<void> {
    await this.put(`${inMesh}/endpoints/${controlPlaneName}`, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      subsets: [{ addresses: [{ ip: '10.244.0.1' }], ports: [{ name: 'grpc-xds', port: 15012 }] }],
    });
  }

  /** Makes or changes an object, which a controller of Kubernetes may make in the same moment. */
  async put(path: string, object: object): Promise<void> {
    const slash = path.lastIndexOf('/');
    const whole = {
      ...object,
      metadata: { name: path.slice(slash + 1), ...(object as { metadata?: object }).metadata },
    };
    if ((await this.api.read(path)) === null) {
      try {
        await this.api.create(path.slice(0, slash), whole);
        return;
      } catch (error) {
        if (!isMeshError(error, 'conflict')) throw error;
      }
    }
    await this.api.patch(path, { kind: 'merge', patch: whole });
  }

  async remove(path: string): Promise<void> {
    try {
      await this.api.remove(path);
    } catch (error) {
      if (!isMeshError(error, 'not_found')) throw error;
    }
  }

  /** The pods of the control plane. */
  async pods(): Promise<readonly ClusterObject[]> {
    const selection = { labelSelector: `app.kubernetes.io/name=${controlPlaneName}` };
    return (await this.api.list(`${inMesh}/pods`, selection)).items;
  }

  /** Says of every pod of the control plane that it is ready. */
  async makeReady(): Promise<void> {
    for (const [index, pod] of (await this.pods()).entries()) await this.#sayReady(pod, index);
  }

  async #sayReady({ metadata }: ClusterObject, index: number): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const status = {
      phase: 'Running',
      // Of loopback: the API server forwards nothing there, and makes no endpoint of it.
      podIP: `127.97.0.${index + 1}`,
      podIPs: [{ ip: `127.97.0.${index + 1}` }],
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: now,
      })),
      containerStatuses: [
        { name: 'control-plane', ready: true, restartCount: 0, image: 'x', imageID: 'x', state: { running: {} } },
      ],
    };
    try {
      await this.api.patch(`${inMesh}/pods/${metadata.name}/status`, { kind: 'merge', patch: { status } });
    } catch (error) {
      // Deleted meanwhile.
      if (!isMeshError(error, 'not_found')) throw error;
    }
  }

  async #playKubelet(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.makeReady();
      await sleep(200, undefined, { signal }).catch(() => undefined);
    }
  }
}
