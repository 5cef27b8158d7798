import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf, { type Reader } from 'protobufjs/minimal.js';

/**
 * The certificate call, on the wire exactly Istio's `istio.v1.auth.IstioCertificateService` (security/v1alpha1/ca.proto), so that
 * Istio's agents and ztunnel get certificates from Tulle, and Tulle's sidecars from istiod. Two messages of five fields are written here
 * by hand: a loader of .proto files takes as long as the rest of the call's start. `create-certificate.ts` is the calling end,
 * `serve-certificates.ts` the answering one.
 */

/** A request. Members of `metadata` (a `google.protobuf.Struct`) that are no strings are null. */
export type WireRequest = Readonly<{
  csr: string;
  /** Seconds. */
  validityDuration: number;
  metadata: ReadonlyMap<string, string | null>;
}>;

/** A response: PEM, the workload's certificate first. */
export type WireResponse = Readonly<{ certChain: readonly string[] }>;

/** Field number and wire type in one. */
const tag = (field: number, wireType: 0 | 2): number => (field << 3) | wireType;
const varint = 0;
const lengthDelimited = 2;

/** `csr` = 1, `validity_duration` = 3, `metadata` = 4. */
function encodeRequest({ csr, validityDuration, metadata }: WireRequest): Buffer {
  const writer = protobuf.Writer.create();
  if (csr !== '') writer.uint32(tag(1, lengthDelimited)).string(csr);
  if (validityDuration !== 0) writer.uint32(tag(3, varint)).int64(validityDuration);
  if (metadata.size > 0) {
    writer.uint32(tag(4, lengthDelimited)).fork();
    for (const [name, value] of metadata) {
      // A map's entry is a message: key = 1, value = 2; a Value's string is its field 3.
      writer.uint32(tag(1, lengthDelimited)).fork().uint32(tag(1, lengthDelimited)).string(name);
      writer.uint32(tag(2, lengthDelimited)).fork();
      if (value !== null) writer.uint32(tag(3, lengthDelimited)).string(value);
      writer.ldelim().ldelim();
    }
    writer.ldelim();
  }
  return Buffer.from(writer.finish());
}

function decodeRequest(bytes: Uint8Array): WireRequest {
  let csr = '';
  let validityDuration = 0;
  const metadata = new Map<string, string | null>();
  visit(bytes, {
    [tag(1, lengthDelimited)]: (reader) => (csr = reader.string()),
    [tag(3, varint)]: (reader) => (validityDuration = Number(reader.int64())),
    [tag(4, lengthDelimited)]: (reader) =>
      visit(reader.bytes(), { [tag(1, lengthDelimited)]: (entry) => metadata.set(...decodeEntry(entry.bytes())) }),
  });
  return { csr, validityDuration, metadata };
}

function decodeEntry(bytes: Uint8Array): [name: string, value: string | null] {
  let name = '';
  let value: string | null = null;
  visit(bytes, {
    [tag(1, lengthDelimited)]: (reader) => (name = reader.string()),
    [tag(2, lengthDelimited)]: (reader) =>
      visit(reader.bytes(), { [tag(3, lengthDelimited)]: (kind) => (value = kind.string()) }),
  });
  return [name, value];
}

/** `cert_chain` = 1. */
function encodeResponse({ certChain }: WireResponse): Buffer {
  const writer = protobuf.Writer.create();
  for (const certificate of certChain) writer.uint32(tag(1, lengthDelimited)).string(certificate);
  return Buffer.from(writer.finish());
}

function decodeResponse(bytes: Uint8Array): WireResponse {
  const certChain: string[] = [];
  visit(bytes, { [tag(1, lengthDelimited)]: (reader) => certChain.push(reader.string()) });
  return { certChain };
}

/** Reads a message: each of its fields by the reader of its tag, and past those that have none. Throws at what is no message. */
function visit(bytes: Uint8Array, readers: Readonly<Record<number, (reader: Reader) => void>>): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const found = reader.uint32();
    const read = readers[found];
    if (read === undefined) reader.skipType(found & 7);
    else read(reader);
  }
}

/** The service as grpc-js takes it, for a server and for a client. */
export const certificateService = {
  CreateCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRequest,
    requestDeserialize: decodeRequest,
    responseSerialize: encodeResponse,
    responseDeserialize: decodeResponse,
  } satisfies MethodDefinition<WireRequest, WireResponse>,
} as const;
