import { status, type sendUnaryData, type ServerUnaryCall, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { WireRequest, WireResponse } from './service-definition.ts';

/** What a caller sent to be known by. */
export type CallerCredentials = Readonly<{
  /** The `authorization` metadata. */
  authorization: string | null;
  /** The certificate that TLS saw, in DER. That the caller has its key is proven; whether it is trusted is not. */
  peerCertificate: Buffer | null;
}>;

/** A request for a certificate. */
export type CertificateRequest = Readonly<{
  csr: string;
  /** Zero: the authority's default. */
  validityMs: number;
  /** The members of `metadata`; those that are no strings have the value null. */
  metadata: ReadonlyMap<string, string | null>;
}>;

/** What the authority answers. */
export type CertificateAnswer =
  | Readonly<{ kind: 'issued'; chain: readonly string[] }>
  | Readonly<{ kind: 'refused'; reason: 'invalid' | 'unauthenticated' | 'unavailable'; message: string }>;

/** Whoever decides. A rejection counts as a fault of ours: the caller is told no more than that. */
export type CertificateHandler = (request: CertificateRequest, caller: CallerCredentials) => Promise<CertificateAnswer>;

const statusOf = {
  invalid: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  unavailable: status.UNAVAILABLE,
} as const;

/** The answering end: an implementation to give to `server.addService(certificateService, ...)`. */
export function certificateServiceImplementation(
  handle: CertificateHandler,
  onFault: (error: unknown) => void,
): UntypedServiceImplementation {
  return {
    CreateCertificate(call: ServerUnaryCall<WireRequest, WireResponse>, callback: sendUnaryData<WireResponse>) {
      handle(decodeRequest(call.request), toCredentials(call)).then(
        (answer) => {
          if (answer.kind === 'issued') callback(null, { certChain: answer.chain });
          else callback({ code: statusOf[answer.reason], details: answer.message });
        },
        (error: unknown) => {
          onFault(error);
          callback({ code: status.INTERNAL, details: 'internal error' });
        },
      );
    },
  };
}

function decodeRequest({ csr, validityDuration, metadata }: WireRequest): CertificateRequest {
  return { csr, validityMs: validityDuration * 1000, metadata };
}

function toCredentials(call: ServerUnaryCall<WireRequest, WireResponse>): CallerCredentials {
  const authorization = call.metadata.get('authorization')[0];
  return {
    authorization: typeof authorization === 'string' ? authorization : null,
    peerCertificate: call.getAuthContext().sslPeerCertificate?.raw ?? null,
  };
}
