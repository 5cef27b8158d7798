import protobuf, { type Reader, type Writer } from 'protobufjs/minimal.js';
import { decodeObject } from './decode.ts';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DeltaResource,
  DiscoveryRequest,
  DiscoveryResponse,
  EncodedAny,
  ErrorDetail,
  XdsNode,
} from './discovery.ts';
import { encodeObject } from './encode.ts';
import { readText } from './scalars.ts';

/**
 * The discovery messages on the wire. Written by hand, field by field, because resources must stay as bytes here: the general
 * codec would open each `Any`. Field numbers are those of `envoy/service/discovery/v3/discovery.proto`.
 */
const nodeType = 'envoy.config.core.v3.Node';

/** The values of a message by field number; repeated fields keep their order. */
type Visitor = (field: number, reader: Reader) => boolean;

function visit(bytes: Uint8Array, visitor: Visitor): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) !== 2 || !visitor(tag >>> 3, reader)) reader.skipType(tag & 7);
  }
}

class Message {
  readonly #writer: Writer = protobuf.Writer.create();

  text(field: number, value: string): this {
    if (value !== '') this.#tag(field).string(value);
    return this;
  }

  texts(field: number, values: readonly string[]): this {
    for (const value of values) this.#tag(field).string(value);
    return this;
  }

  bytes(field: number, value: Uint8Array | undefined): this {
    if (value !== undefined) this.#tag(field).bytes(value);
    return this;
  }

  integer(field: number, value: number): this {
    if (value !== 0) this.#writer.uint32(field << 3).int32(value);
    return this;
  }

  finish(): Buffer {
    return Buffer.from(this.#writer.finish());
  }

  #tag(field: number): Writer {
    return this.#writer.uint32((field << 3) | 2);
  }
}

/** Encodes a state-of-the-world request. */
export function encodeDiscoveryRequest(request: DiscoveryRequest): Buffer {
  return new Message()
    .text(1, request.versionInfo)
    .bytes(2, request.node && encodeNode(request.node))
    .texts(3, request.resourceNames)
    .text(4, request.typeUrl)
    .text(5, request.responseNonce)
    .bytes(6, request.errorDetail && encodeErrorDetail(request.errorDetail))
    .finish();
}

/** Decodes a state-of-the-world request. */
export function decodeDiscoveryRequest(bytes: Uint8Array): DiscoveryRequest {
  const resourceNames: string[] = [];
  const request = { versionInfo: '', resourceNames, typeUrl: '', responseNonce: '' };
  let node: XdsNode | undefined;
  let errorDetail: ErrorDetail | undefined;
  visit(bytes, (field, reader) => {
    if (field === 1) request.versionInfo = readText(reader);
    else if (field === 2) node = decodeNode(reader.bytes());
    else if (field === 3) resourceNames.push(readText(reader));
    else if (field === 4) request.typeUrl = readText(reader);
    else if (field === 5) request.responseNonce = readText(reader);
    else if (field === 6) errorDetail = decodeErrorDetail(reader.bytes());
    else return false;
    return true;
  });
  return { ...request, node, errorDetail };
}

/** Encodes a state-of-the-world response. */
export function encodeDiscoveryResponse(response: DiscoveryResponse): Buffer {
  const message = new Message().text(1, response.versionInfo);
  for (const resource of response.resources) message.bytes(2, encodeAny(resource));
  return message.text(4, response.typeUrl).text(5, response.nonce).finish();
}

/** Decodes a state-of-the-world response. */
export function decodeDiscoveryResponse(bytes: Uint8Array): DiscoveryResponse {
  const resources: EncodedAny[] = [];
  const response = { versionInfo: '', resources, typeUrl: '', nonce: '' };
  visit(bytes, (field, reader) => {
    if (field === 1) response.versionInfo = readText(reader);
    else if (field === 2) resources.push(decodeAny(reader.bytes()));
    else if (field === 4) response.typeUrl = readText(reader);
    else if (field === 5) response.nonce = readText(reader);
    else return false;
    return true;
  });
  return response;
}

/** Encodes an incremental request. */
export function encodeDeltaRequest(request: DeltaDiscoveryRequest): Buffer {
  const message = new Message()
    .bytes(1, request.node && encodeNode(request.node))
    .text(2, request.typeUrl)
    .texts(3, request.resourceNamesSubscribe)
    .texts(4, request.resourceNamesUnsubscribe);
  for (const [name, version] of Object.entries(request.initialResourceVersions))
    message.bytes(5, new Message().text(1, name).text(2, version).finish());
  return message
    .text(6, request.responseNonce)
    .bytes(7, request.errorDetail && encodeErrorDetail(request.errorDetail))
    .finish();
}

/** Decodes an incremental request. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const versions: [string, string][] = [];
  const texts = { typeUrl: '', responseNonce: '' };
  let node: XdsNode | undefined;
  let errorDetail: ErrorDetail | undefined;
  visit(bytes, (field, reader) => {
    if (field === 1) node = decodeNode(reader.bytes());
    else if (field === 2) texts.typeUrl = readText(reader);
    else if (field === 3) subscribe.push(readText(reader));
    else if (field === 4) unsubscribe.push(readText(reader));
    else if (field === 5) versions.push(decodeTextEntry(reader.bytes()));
    else if (field === 6) texts.responseNonce = readText(reader);
    else if (field === 7) errorDetail = decodeErrorDetail(reader.bytes());
    else return false;
    return true;
  });
  return {
    ...texts,
    node,
    errorDetail,
    resourceNamesSubscribe: subscribe,
    resourceNamesUnsubscribe: unsubscribe,
    initialResourceVersions: Object.fromEntries(versions),
  };
}

/** Encodes an incremental response. */
export function encodeDeltaResponse(response: DeltaDiscoveryResponse): Buffer {
  const message = new Message().text(1, response.systemVersionInfo);
  for (const { name, version, resource } of response.resources)
    message.bytes(2, new Message().text(1, version).bytes(2, encodeAny(resource)).text(3, name).finish());
  return message.text(4, response.typeUrl).text(5, response.nonce).texts(6, response.removedResources).finish();
}

/** Decodes an incremental response. */
export function decodeDeltaResponse(bytes: Uint8Array): DeltaDiscoveryResponse {
  const resources: DeltaResource[] = [];
  const removedResources: string[] = [];
  const response = { systemVersionInfo: '', resources, typeUrl: '', removedResources, nonce: '' };
  visit(bytes, (field, reader) => {
    if (field === 1) response.systemVersionInfo = readText(reader);
    else if (field === 2) resources.push(decodeDeltaResource(reader.bytes()));
    else if (field === 4) response.typeUrl = readText(reader);
    else if (field === 5) response.nonce = readText(reader);
    else if (field === 6) removedResources.push(readText(reader));
    else return false;
    return true;
  });
  return response;
}

function decodeDeltaResource(bytes: Uint8Array): DeltaResource {
  const texts = { name: '', version: '' };
  let resource: EncodedAny = { typeUrl: '', value: Buffer.alloc(0) };
  visit(bytes, (field, reader) => {
    if (field === 1) texts.version = readText(reader);
    else if (field === 2) resource = decodeAny(reader.bytes());
    else if (field === 3) texts.name = readText(reader);
    else return false;
    return true;
  });
  return { ...texts, resource };
}

function encodeAny({ typeUrl, value }: EncodedAny): Buffer {
  return new Message().text(1, typeUrl).bytes(2, value).finish();
}

function decodeAny(bytes: Uint8Array): EncodedAny {
  const any = { typeUrl: '', value: Buffer.alloc(0) };
  visit(bytes, (field, reader) => {
    if (field === 1) any.typeUrl = readText(reader);
    else if (field === 2) any.value = Buffer.from(reader.bytes());
    else return false;
    return true;
  });
  return any;
}

function decodeTextEntry(bytes: Uint8Array): [string, string] {
  const entry: [string, string] = ['', ''];
  visit(bytes, (field, reader) => {
    if (field !== 1 && field !== 2) return false;
    entry[field - 1] = readText(reader);
    return true;
  });
  return entry;
}

function encodeErrorDetail({ code, message }: ErrorDetail): Buffer {
  return new Message().integer(1, code).text(2, message).finish();
}

function decodeErrorDetail(bytes: Uint8Array): ErrorDetail {
  const reader = protobuf.Reader.create(bytes);
  const detail = { code: 0, message: '' };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 8) detail.code = reader.int32();
    else if (tag === 18) detail.message = readText(reader);
    else reader.skipType(tag & 7);
  }
  return detail;
}

function encodeNode(node: XdsNode): Buffer {
  const { id, cluster, metadata, locality, userAgentName, userAgentVersion } = node;
  return encodeObject(nodeType, {
    id,
    cluster,
    metadata,
    ...(locality === undefined ? {} : { locality }),
    ...(userAgentName === undefined ? {} : { user_agent_name: userAgentName }),
    ...(userAgentVersion === undefined ? {} : { user_agent_version: userAgentVersion }),
  });
}

function decodeNode(bytes: Uint8Array): XdsNode {
  const node = decodeObject(nodeType, bytes) as Partial<Record<string, unknown>>;
  return {
    id: (node['id'] as string | undefined) ?? '',
    cluster: (node['cluster'] as string | undefined) ?? '',
    metadata: (node['metadata'] as XdsNode['metadata'] | undefined) ?? {},
    locality: node['locality'] as XdsNode['locality'],
    userAgentName: node['user_agent_name'] as string | undefined,
    userAgentVersion: node['user_agent_version'] as string | undefined,
  };
}
