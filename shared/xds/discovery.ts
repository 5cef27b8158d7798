/** The messages of the discovery service, as TypeScript sees them. Resources stay as bytes: the transport never opens them. */
import type { TypedObject } from './typed.ts';

/** Who is asking: Envoy's `Node`. `metadata` is JSON, `locality` as in the proto. */
export type XdsNode = Readonly<{
  id: string;
  cluster: string;
  metadata: TypedObject;
  locality?: Readonly<{ region?: string; zone?: string; sub_zone?: string }> | undefined;
  userAgentName?: string | undefined;
  userAgentVersion?: string | undefined;
}>;

/** Why a response was refused: `google.rpc.Status` without its details. */
export type ErrorDetail = Readonly<{ code: number; message: string }>;

/** A message in its binary form, with its type. */
export type EncodedAny = Readonly<{ typeUrl: string; value: Buffer }>;

/** State of the world: what a client wants of a type, and what it says to the last response. */
export type DiscoveryRequest = Readonly<{
  versionInfo: string;
  node?: XdsNode | undefined;
  resourceNames: readonly string[];
  typeUrl: string;
  responseNonce: string;
  errorDetail?: ErrorDetail | undefined;
}>;

/** State of the world: all resources of a type that were asked for. */
export type DiscoveryResponse = Readonly<{
  versionInfo: string;
  resources: readonly EncodedAny[];
  typeUrl: string;
  nonce: string;
}>;

/** Incremental: changes of what a client wants of a type, or what it says to a response. */
export type DeltaDiscoveryRequest = Readonly<{
  node?: XdsNode | undefined;
  typeUrl: string;
  resourceNamesSubscribe: readonly string[];
  resourceNamesUnsubscribe: readonly string[];
  /** What the client holds already, by name, when it reconnects. */
  initialResourceVersions: Readonly<Record<string, string>>;
  responseNonce: string;
  errorDetail?: ErrorDetail | undefined;
}>;

/** One resource of an incremental response. */
export type DeltaResource = Readonly<{ name: string; version: string; resource: EncodedAny }>;

/** Incremental: what has changed. */
export type DeltaDiscoveryResponse = Readonly<{
  systemVersionInfo: string;
  resources: readonly DeltaResource[];
  typeUrl: string;
  removedResources: readonly string[];
  nonce: string;
}>;
