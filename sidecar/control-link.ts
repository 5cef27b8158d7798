/** The sidecar's link to the control plane: its identity, its xDS stream, and what of both is kept on disk. */
import { readFile } from 'node:fs/promises';
import { Metadata } from '@grpc/grpc-js';
import { tlsChannel } from '#shared/certificates/tls-channel.ts';
import { formatSpiffeId } from '#shared/model/spiffe-id.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import { createAdsClient } from '#shared/xds/services.ts';
import packageJson from '../package.json' with { type: 'json' };
import { IdentityAgent, type CertificateSource, type IdentityState } from './identity/agent.ts';
import { folderCache } from './identity/certificate-cache.ts';
import { certificateClient } from './identity/certificate-client.ts';
import { awaitPodFiles, type PodFile } from './pod-files.ts';
import type { Settings } from './settings.ts';
import type { MeshedSettings } from './settings/meshed.ts';
import { XdsClient, type XdsView } from './xds/ads-client.ts';
import { ConfigCache } from './xds/config-cache.ts';
import type { XdsState } from './xds/session.ts';

export class ControlLink {
  readonly #settings: MeshedSettings;
  readonly #logger: Logger;
  readonly #agent: IdentityAgent;
  readonly #xds: XdsClient;
  readonly #cache: ConfigCache | null;
  readonly #closing = new AbortController();
  /** Resolves when the token and the root are there. */
  readonly #files: Promise<void>;
  #cancelWrite: (() => void) | null = null;

  private constructor(settings: Settings & MeshedSettings, logger: Logger, readiness: Readiness) {
    this.#settings = settings;
    this.#logger = logger;
    this.#files = awaitPodFiles(podFiles(settings), {
      clock: systemClock,
      readiness,
      log: logger,
      signal: this.#closing.signal,
    });
    const node = toNode(settings);
    this.#cache = settings.diskCache ? new ConfigCache(settings.dataDir, node.id) : null;
    this.#agent = new IdentityAgent({
      source: this.#onceThere(
        certificateClient({
          address: settings.controlPlane,
          caFile: settings.caFile,
          token: settings.token,
          ttlMs: settings.certificateTtlMs,
        }),
      ),
      cache: settings.diskCache ? folderCache(settings.dataDir) : null,
      expectedId: formatSpiffeId({
        trustDomain: settings.trustDomain,
        namespace: settings.namespace,
        serviceAccount: settings.serviceAccount,
      }),
      wantedLifeMs: settings.certificateTtlMs,
      clock: systemClock,
      random: Math.random,
      onFailure: (message) => logger.warn(message),
    });
    this.#xds = new XdsClient({
      node,
      asksForNames: settings.dns !== null,
      open: () => this.#openStream(),
      clock: systemClock,
      random: Math.random,
      log: (level, message, facts) => logger[level](facts, message),
      onAccepted: (state) => this.#keep(state),
    });
  }

  /** Opens the link: what lies on disk is taken at once. */
  static async open(settings: Settings & MeshedSettings, logger: Logger, readiness: Readiness): Promise<ControlLink> {
    const link = new ControlLink(settings, logger, readiness);
    const certified = readiness.gate('certificate');
    link.certificates.subscribe((certificate) => {
      if (certificate !== null) certified();
    });
    await link.#restore();
    await link.#agent.start();
    if (link.certificates.current() !== null) certified();
    return link;
  }

  get certificates(): Watch<WorkloadCertificate | null> {
    return this.#agent.certificates;
  }

  get view(): Watch<XdsView> {
    return this.#xds.view;
  }

  identity(): IdentityState {
    return this.#agent.state();
  }

  start(): void {
    this.#xds.start();
  }

  setHealth(isHealthy: boolean, message: string): void {
    this.#xds.setHealth(isHealthy, message);
  }

  close(): void {
    this.#closing.abort();
    this.#cancelWrite?.();
    this.#xds.close();
    void this.#agent.close();
  }

  async #restore(): Promise<void> {
    if (this.#cache === null) return;
    try {
      const resources = await this.#cache.read();
      if (resources.length > 0)
        this.#logger.info({ resources: resources.length }, 'started from the last good configuration on disk');
      this.#xds.restore(resources);
    } catch (error) {
      this.#logger.error({ reason: describeError(error) }, 'the configuration cache is not used');
    }
  }

  /** Asks once there is something to ask with. */
  #onceThere(source: CertificateSource): CertificateSource {
    return {
      request: async (...asked) => {
        await this.#files;
        return source.request(...asked);
      },
    };
  }

  /** Who we are to the control plane: by certificate once there is one, by token before. */
  async #openStream() {
    await this.#files;
    const { controlPlane, caFile, token } = this.#settings;
    const own = this.certificates.current();
    const rootsPem = await readFile(caFile, 'utf8');
    const { credentials, options } = tlsChannel({ address: controlPlane, rootsPem, own });
    const metadata = new Metadata();
    if (own === null) {
      if (token === null) throw new MeshError('authentication', 'neither a certificate nor a token to be known by');
      const text = token.kind === 'value' ? token.token.reveal() : (await readFile(token.path, 'utf8')).trim();
      metadata.set('authorization', `Bearer ${text}`);
    }
    return { client: createAdsClient(controlPlane, credentials, options), metadata };
  }

  /** Written soon, not at each response: a push comes in several. */
  #keep(state: XdsState): void {
    if (this.#cache === null) return;
    const cache = this.#cache;
    this.#cancelWrite?.();
    this.#cancelWrite = systemClock.after(200, () => {
      cache
        .write(state.held)
        .catch((error: unknown) =>
          this.#logger.warn({ reason: describeError(error) }, 'the configuration cannot be kept'),
        );
    });
  }
}

/** In a pod the volumes may be filled later than the process starts. Elsewhere a file that is missing is a mistake, told as such. */
function podFiles({ app, token, caFile }: MeshedSettings): readonly PodFile[] {
  if (app === null) return [];
  const root = { what: 'root certificate of the mesh', path: caFile };
  return token?.kind === 'file' ? [root, { what: 'token of the service account', path: token.path }] : [root];
}

function toNode(settings: Settings & MeshedSettings): XdsNode {
  const { ip, ips, name, namespace, labels, metadata } = settings;
  const workload = metadata['WORKLOAD_NAME'];
  const app = labels['app'] ?? (typeof workload === 'string' && workload !== '' ? workload : name);
  return {
    id: `sidecar~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${app}.${namespace}`,
    locality: settings.locality,
    userAgentName: 'tulle',
    userAgentVersion: packageJson.version,
    metadata: {
      ...(metadata as XdsNode['metadata']),
      NAME: name,
      NAMESPACE: namespace,
      SERVICE_ACCOUNT: settings.serviceAccount,
      LABELS: labels,
      INSTANCE_IPS: ips.join(','),
      INTERCEPTION_MODE: settings.interception,
      TULLE_ADMIN: `${settings.admin.host}:${settings.admin.port}`,
      ...(settings.interception === 'NONE'
        ? { TULLE_HTTP_PROXY_PORT: settings.httpProxyPort, TULLE_INBOUND: settings.inbound }
        : {}),
      ...(settings.dns === null ? {} : { DNS_CAPTURE: true }),
      ...(settings.register ? { TULLE_REGISTER: true } : {}),
      ...(settings.group === '' ? {} : { AUTO_REGISTER_GROUP: settings.group }),
    },
  };
}
