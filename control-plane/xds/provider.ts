import type { X509Certificate } from 'node:crypto';
import type { Metadata } from '@grpc/grpc-js';
import type { Result } from '#shared/runtime/result.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import type { ProxySnapshot } from './snapshot.ts';

/** Who is at the other end of a stream, as attested; never what the peer says of itself. */
export type PeerIdentity = Readonly<{
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  spiffeId: string;
  /** How it was attested: `certificate`, `join-token`, `service-account`. */
  method: string;
  /** The pod that the proof is bound to, where it tells one. */
  pod?: string | null;
}>;

/**
 * Tells who the peer is from its client certificate or the call's metadata (`authorization: Bearer ...`). Null where nobody has
 * to say who he is. Throws `authentication` when the proof is missing or wrong, with the reason.
 */
export type Authenticate = (caller: Caller) => Promise<PeerIdentity | null>;

/** What a caller brings. */
export type Caller = Readonly<{
  metadata: Metadata;
  peerCertificate: X509Certificate | undefined;
  /** Over TLS; without it no proof may be sent and nobody is known. */
  isEncrypted: boolean;
}>;

/** The config of one proxy, for as long as its stream is open. */
export type OpenSnapshots = Readonly<{ snapshots: Watch<ProxySnapshot>; close(): void }>;

/** Where the server has the snapshots from. */
export type SnapshotProvider = Readonly<{
  /** Starts to serve a proxy, or says what is wrong with its node. */
  open(node: XdsNode, peer: PeerIdentity | null): Result<OpenSnapshots>;
}>;
