import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/**
 * The certificate call, on the wire exactly Istio's `istio.v1.auth.IstioCertificateService` (security/v1alpha1/ca.proto),
 * so that Istio's agents and ztunnel get certificates from Tulle, and Tulle's sidecars from istiod. The messages stand
 * here as a descriptor rather than a .proto file, so that bundling needs no file beside the code.
 * `create-certificate.ts` is the calling end, `serve-certificates.ts` the answering one.
 */

/** A request as proto-loader hands it out. */
export type WireRequest = Readonly<{
  csr: string;
  /** Seconds. */
  validityDuration: number;
  metadata?: Readonly<{ fields?: Readonly<Record<string, Readonly<{ stringValue?: string }>>> }> | null;
}>;

/** A response as proto-loader takes it. */
export type WireResponse = Readonly<{ certChain: readonly string[] }>;

const struct = {
  Struct: { fields: { fields: { keyType: 'string', type: 'Value', id: 1 } } },
  Value: {
    oneofs: {
      kind: { oneof: ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'] },
    },
    fields: {
      nullValue: { type: 'NullValue', id: 1 },
      numberValue: { type: 'double', id: 2 },
      stringValue: { type: 'string', id: 3 },
      boolValue: { type: 'bool', id: 4 },
      structValue: { type: 'Struct', id: 5 },
      listValue: { type: 'ListValue', id: 6 },
    },
  },
  NullValue: { values: { NULL_VALUE: 0 } },
  ListValue: { fields: { values: { rule: 'repeated', type: 'Value', id: 1 } } },
};

const auth = {
  IstioCertificateRequest: {
    fields: {
      csr: { type: 'string', id: 1 },
      validityDuration: { type: 'int64', id: 3 },
      metadata: { type: 'google.protobuf.Struct', id: 4 },
    },
  },
  IstioCertificateResponse: { fields: { certChain: { rule: 'repeated', type: 'string', id: 1 } } },
  IstioCertificateService: {
    methods: {
      CreateCertificate: { requestType: 'IstioCertificateRequest', responseType: 'IstioCertificateResponse' },
    },
  },
};

const root: unknown = {
  nested: {
    google: { nested: { protobuf: { nested: struct } } },
    istio: { nested: { v1: { nested: { auth: { nested: auth } } } } },
  },
};

// protobufjs declares its JSON narrower than what it reads (map fields, methods without a comment).
const loaded = fromJSON(root as Parameters<typeof fromJSON>[0], {
  longs: Number,
  arrays: true,
  defaults: true,
  oneofs: false,
});

/** The service as grpc-js takes it, for a server and for a client. */
// A package definition holds messages and services alike; this name is the service's.
export const certificateServiceDefinition = loaded['istio.v1.auth.IstioCertificateService'] as ServiceDefinition;
