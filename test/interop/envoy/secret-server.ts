/** A secret discovery service for stock Envoys: the certificate of who they say they are (`default`), and the root (any other name). */
import { Server, ServerCredentials, type handleBidiStreamingCall, type MethodDefinition } from '@grpc/grpc-js';
import { promisify } from 'node:util';
import { encodeMessage } from '#shared/xds/codec.ts';
import type { DiscoveryRequest, DiscoveryResponse, XdsNode } from '#shared/xds/discovery.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import {
  decodeDiscoveryRequest,
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  encodeDiscoveryResponse,
} from '#shared/xds/wire.ts';
import { aWorkloadLeaf, type TestRoot } from '../../support/certificates.ts';

const method: MethodDefinition<DiscoveryRequest, DiscoveryResponse> = {
  path: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  requestStream: true,
  responseStream: true,
  requestSerialize: encodeDiscoveryRequest,
  requestDeserialize: decodeDiscoveryRequest,
  responseSerialize: encodeDiscoveryResponse,
  responseDeserialize: decodeDiscoveryResponse,
};

/** Serves secrets under `root` on a unix socket; returns how to stop. */
export async function serveSecrets(socketPath: string, root: TestRoot): Promise<() => void> {
  const server = new Server();
  server.addService({ StreamSecrets: method }, { StreamSecrets: answerWith(root) });
  await promisify(server.bindAsync.bind(server))(`unix:${socketPath}`, ServerCredentials.createInsecure());
  return () => server.forceShutdown();
}

function answerWith(root: TestRoot): handleBidiStreamingCall<DiscoveryRequest, DiscoveryResponse> {
  return (call) => {
    const sent = new Set<string>();
    let node: XdsNode | undefined;
    call.on('data', (request: DiscoveryRequest) => {
      node = request.node ?? node;
      const names = request.resourceNames.filter((name) => !sent.has(name));
      if (names.length === 0 || node === undefined) return;
      for (const name of names) sent.add(name);
      const version = String(sent.size);
      const secrets = names.map((name) => (name === 'default' ? ownSecret(root, node) : rootSecret(root, name)));
      const resources = secrets.map((secret) => ({ typeUrl: typeUrls.secret, value: encodeMessage(secret) }));
      call.write({ versionInfo: version, nonce: version, typeUrl: typeUrls.secret, resources });
    });
    call.on('end', () => call.end());
  };
}

function ownSecret(root: TestRoot, node: XdsNode | undefined): TypedMessage {
  const { NAMESPACE, SERVICE_ACCOUNT } = node?.metadata ?? {};
  const spiffeId = `spiffe://cluster.local/ns/${NAMESPACE}/sa/${SERVICE_ACCOUNT}`;
  const leaf = aWorkloadLeaf(root, { spiffeId });
  return {
    '@type': typeUrls.secret,
    name: 'default',
    tls_certificate: {
      certificate_chain: { inline_string: leaf.pem + root.pem },
      private_key: { inline_string: leaf.keyPem },
    },
  };
}

function rootSecret(root: TestRoot, name: string): TypedMessage {
  return { '@type': typeUrls.secret, name, validation_context: { trusted_ca: { inline_string: root.pem } } };
}
