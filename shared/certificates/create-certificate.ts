import { Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { MeshError, type MeshErrorCode } from '#shared/runtime/mesh-error.ts';
import { certificateService, type WireRequest, type WireResponse } from './service-definition.ts';
import { tlsChannel, type TlsTarget } from './tls-channel.ts';

/** One call for a certificate. */
export type CreateCertificateCall = Readonly<{
  target: TlsTarget;
  /** Goes as `authorization: Bearer`. */
  token?: string | undefined;
  csr: string;
  validityMs: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}>;

/** Calls the authority once, on a connection of its own; the chain it answers is leaf first, root last. */
export async function createCertificate(call: CreateCertificateCall): Promise<readonly string[]> {
  const { credentials, options } = tlsChannel(call.target);
  // A pooled subchannel would keep the credentials of an earlier call.
  const client = new Client(call.target.address, credentials, { ...options, 'grpc.use_local_subchannel_pool': 1 });
  try {
    return await send(client, call);
  } finally {
    client.close();
  }
}

function send(client: Client, call: CreateCertificateCall): Promise<readonly string[]> {
  const method = certificateService.CreateCertificate;
  const metadata = new Metadata();
  if (call.token !== undefined) metadata.set('authorization', `Bearer ${call.token}`);
  const request: WireRequest = {
    csr: call.csr,
    validityDuration: Math.ceil(call.validityMs / 1000),
    metadata: new Map(),
  };
  return new Promise((resolve, reject) => {
    const sent = client.makeUnaryRequest<WireRequest, WireResponse>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + call.timeoutMs },
      (error, response) => {
        call.signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(toMeshError(error, call.target.address));
        else resolve(response?.certChain ?? []);
      },
    );
    const cancel = () => sent.cancel();
    call.signal?.addEventListener('abort', cancel, { once: true });
    if (call.signal?.aborted === true) cancel();
  });
}

const codes: Partial<Record<status, MeshErrorCode>> = {
  [status.UNAUTHENTICATED]: 'authentication',
  [status.PERMISSION_DENIED]: 'permission',
  [status.INVALID_ARGUMENT]: 'certificate',
  [status.DEADLINE_EXCEEDED]: 'timeout',
  [status.CANCELLED]: 'aborted',
  [status.UNIMPLEMENTED]: 'unsupported',
};

function toMeshError(error: ServiceError, address: string): MeshError {
  const code = codes[error.code] ?? 'control_plane_unavailable';
  return new MeshError(code, `no certificate from ${address}: ${error.details}`, { cause: error, facts: { address } });
}
