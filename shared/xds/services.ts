import {
  makeClientConstructor,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type handleBidiStreamingCall,
  type Metadata,
  type MethodDefinition,
} from '@grpc/grpc-js';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from './discovery.ts';
import {
  decodeDeltaRequest,
  decodeDeltaResponse,
  decodeDiscoveryRequest,
  decodeDiscoveryResponse,
  encodeDeltaRequest,
  encodeDeltaResponse,
  encodeDiscoveryRequest,
  encodeDiscoveryResponse,
} from './wire.ts';

/** A first response may carry the whole config of a large mesh. */
export const maxResponseBytes = 64 * 1024 * 1024;

/** Requests hold names only; more than this is not a client of ours. */
export const maxRequestBytes = 4 * 1024 * 1024;

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

/** The aggregated discovery service, for both ends. */
export const adsService = {
  StreamAggregatedResources: {
    path: `${path}/StreamAggregatedResources`,
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeDiscoveryRequest,
    requestDeserialize: decodeDiscoveryRequest,
    responseSerialize: encodeDiscoveryResponse,
    responseDeserialize: decodeDiscoveryResponse,
  } satisfies MethodDefinition<DiscoveryRequest, DiscoveryResponse>,
  DeltaAggregatedResources: {
    path: `${path}/DeltaAggregatedResources`,
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeDeltaRequest,
    requestDeserialize: decodeDeltaRequest,
    responseSerialize: encodeDeltaResponse,
    responseDeserialize: decodeDeltaResponse,
  } satisfies MethodDefinition<DeltaDiscoveryRequest, DeltaDiscoveryResponse>,
} as const;

/** What serves {@link adsService}. */
export type AdsHandlers = Readonly<{
  StreamAggregatedResources: handleBidiStreamingCall<DiscoveryRequest, DiscoveryResponse>;
  DeltaAggregatedResources: handleBidiStreamingCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
}>;

/** The client of {@link adsService}. */
export type AdsClient = Client & {
  StreamAggregatedResources(metadata?: Metadata): ClientDuplexStream<DiscoveryRequest, DiscoveryResponse>;
  DeltaAggregatedResources(metadata?: Metadata): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
};

const AdsClientConstructor = makeClientConstructor(adsService, 'AggregatedDiscoveryService');

/**
 * A client of the ADS server at `address` (`host:port`). Its owner closes it. Over TLS to an IP address the option
 * `grpc.ssl_target_name_override` must give a name: Node takes no address as server name, and the channel would only retry.
 */
export function createAdsClient(
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions = {},
): AdsClient {
  const withLimit = { 'grpc.max_receive_message_length': maxResponseBytes, ...options };
  return new AdsClientConstructor(address, credentials, withLimit) as unknown as AdsClient;
}
