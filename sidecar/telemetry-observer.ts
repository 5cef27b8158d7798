/** Counts finished exchanges and connections in Istio's standard metrics: who we are is fixed, the peer is found per request. */
import { parseSpiffeId } from '#shared/model/spiffe-id.ts';
import type { MovedBytes, Observation } from './proxy/exchange-host.ts';
import type { CallMessages } from './proxy/grpc-messages.ts';
import {
  countTcp,
  observeMessages,
  observeRequest,
  type PairLabels,
  type SecurityPolicy,
  type SeriesGroup,
  type SeriesRegistry,
} from './telemetry/series.ts';
import type { Host } from './upstream/host.ts';
import type { Cluster } from './upstream/cluster.ts';
import type { TlsFacts } from './transport/transport.ts';

/** The workload beside which the sidecar runs. */
export type OwnWorkload = Readonly<{
  name: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  /** SPIFFE ID; empty until there is a certificate. */
  principal: () => string;
}>;

/** Clusters by whose name Istio counts what goes to no known service (istio/proxy: istio_stats.cc). */
const clustersOfNoService = new Set(['BlackHoleCluster', 'PassthroughCluster']);

type Side = 'source' | 'destination';

export class TelemetryObserver {
  readonly #registry: SeriesRegistry;
  readonly #own: OwnWorkload;
  /** Groups by what identifies the pair, so that labels are put together once. */
  readonly #byHost = new WeakMap<Host, SeriesGroup>();
  readonly #byCluster = new WeakMap<Cluster, SeriesGroup>();
  readonly #byPeer = new Map<string, SeriesGroup>();

  constructor(registry: SeriesRegistry, own: OwnWorkload) {
    this.#registry = registry;
    this.#own = own;
  }

  /** Counts an exchange, and what is not counted yet of its messages. */
  observe(observation: Observation, messages: CallMessages | null): void {
    const { record, isGrpc } = observation;
    const group = this.#group(observation);
    const series = group.request(record.status, record.grpcStatus, isGrpc, record.flags);
    observeRequest(series, record.durationMs, record.bytesReceived, record.bytesSent);
    const requests = messages?.takeRequests() ?? 0;
    const responses = messages?.takeResponses() ?? 0;
    if (requests > 0 || responses > 0) observeMessages(group.messages(), requests, responses);
  }

  /** Counts messages of a gRPC call, which may go on. */
  observeMessages(observation: Observation, requests: number, responses: number): void {
    observeMessages(this.#group(observation).messages(), requests, responses);
  }

  /** Counts a TCP connection that opened. */
  opened(observation: Observation): void {
    countTcp(this.#tcp(observation), 'opened', 1);
  }

  /** Counts bytes that TCP connections moved since they were last counted. */
  moved(observation: Observation, { received, sent }: MovedBytes): void {
    const series = this.#tcp(observation);
    countTcp(series, 'received', received);
    countTcp(series, 'sent', sent);
  }

  /** Counts a TCP connection that ended. */
  closed(observation: Observation): void {
    countTcp(this.#tcp(observation), 'closed', 1);
  }

  #tcp(observation: Observation) {
    return this.#group(observation).tcp(observation.record.flags);
  }

  #group({ direction, tls, cluster, host }: Observation): SeriesGroup {
    return direction === 'inbound' ? this.#inbound(tls) : this.#outbound(cluster, host);
  }

  #outbound(cluster: Cluster | null, host: Host | null): SeriesGroup {
    const known =
      host === null ? (cluster === null ? undefined : this.#byCluster.get(cluster)) : this.#byHost.get(host);
    if (known !== undefined) return known;
    const service = cluster?.config.services[0];
    const labels: PairLabels = {
      reporter: 'source',
      ...this.#ownLabels('source'),
      ...(host === null ? {} : peerLabels(host.endpoint.workload)),
      ...(service === undefined
        ? {}
        : {
            destination_service: service.host,
            destination_service_name: service.name.split('.')[0] ?? service.name,
            destination_service_namespace: service.namespace,
          }),
      ...(cluster !== null && clustersOfNoService.has(cluster.config.name)
        ? { destination_service_name: cluster.config.name }
        : {}),
    };
    const group = this.#registry.group(labels, 'unknown');
    if (host !== null) this.#byHost.set(host, group);
    else if (cluster !== null) this.#byCluster.set(cluster, group);
    return group;
  }

  #inbound(tls: TlsFacts | null): SeriesGroup {
    const peer = tls?.peerUriSans[0] ?? '';
    const known = this.#byPeer.get(peer);
    if (known !== undefined) return known;
    const policy: SecurityPolicy = peer === '' ? 'none' : 'mutual_tls';
    const own = this.#own.principal();
    const labels: PairLabels = {
      reporter: 'destination',
      ...this.#ownLabels('destination'),
      ...(own === '' ? {} : { destination_principal: own }),
      ...sourceOf(peer),
    };
    const group = this.#registry.group(labels, policy);
    // Peers choose their names only as far as the mesh's authority signs them; beyond the registry's bound all are `other`.
    if (own !== '' && this.#byPeer.size < 4096) this.#byPeer.set(peer, group);
    return group;
  }

  #ownLabels(side: Side): Readonly<Record<string, string>> {
    const { name, namespace, labels } = this.#own;
    const app = labels['app'] ?? labels['app.kubernetes.io/name'];
    const canonical = labels['service.istio.io/canonical-name'] ?? app ?? name;
    const revision = labels['service.istio.io/canonical-revision'] ?? labels['version'] ?? 'latest';
    const service =
      side === 'destination' && app !== undefined
        ? { destination_service_name: app, destination_service_namespace: namespace }
        : {};
    return {
      [`${side}_workload`]: name,
      [`${side}_workload_namespace`]: namespace,
      [`${side}_canonical_service`]: canonical,
      [`${side}_canonical_revision`]: revision,
      [`${side}_app`]: app ?? 'unknown',
      [`${side}_version`]: labels['version'] ?? 'unknown',
      ...service,
    };
  }
}

/** Labels of a peer from its endpoint's metadata: `workload;namespace;canonical-name;canonical-revision;cluster`. */
function peerLabels(workload: string): Readonly<Record<string, string>> {
  const [name = '', namespace = '', canonical = '', revision = '', cluster = ''] = workload.split(';');
  const known = (value: string) => (value === '' ? 'unknown' : value);
  return {
    destination_workload: known(name),
    destination_workload_namespace: known(namespace),
    destination_canonical_service: known(canonical),
    destination_canonical_revision: known(revision),
    destination_app: known(canonical),
    destination_version: known(revision),
    destination_cluster: known(cluster),
  };
}

/** Labels of a caller from its identity. */
function sourceOf(principal: string): Readonly<Record<string, string>> {
  if (principal === '') return {};
  const id = parseSpiffeId(principal);
  if (!id.ok) return { source_principal: principal };
  const { namespace, serviceAccount } = id.value;
  return {
    source_principal: principal,
    source_workload_namespace: namespace,
    source_canonical_service: serviceAccount,
    source_app: serviceAccount,
  };
}
