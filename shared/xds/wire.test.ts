import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import protoLoader from '@grpc/proto-loader';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from './discovery.ts';
import { typeUrls } from './type-urls.ts';
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

const deps = join(dirname(createRequire(import.meta.url).resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const definition = protoLoader.loadSync('envoy/service/discovery/v3/ads.proto', {
  includeDirs: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((folder) => join(deps, folder)),
  keepCase: true,
});
const ads = definition['envoy.service.discovery.v3.AggregatedDiscoveryService'] as protoLoader.ServiceDefinition;

const node = {
  id: 'sidecar~10.0.0.1~a.b~b.svc',
  cluster: 'a.b',
  metadata: { LABELS: { app: 'a' }, ports: [1, null] },
  locality: { region: 'r', zone: 'z' },
  userAgentName: 'tulle',
  userAgentVersion: '1',
};
const body = { typeUrl: typeUrls.cluster, value: Buffer.from([0, 255, 1]) };

test('a state-of-the-world request and response survive the wire', () => {
  const request: DiscoveryRequest = {
    versionInfo: 'v',
    node,
    resourceNames: ['a', 'b'],
    typeUrl: typeUrls.cluster,
    responseNonce: 'n',
    errorDetail: { code: 13, message: 'no' },
  };
  assert.deepEqual(decodeDiscoveryRequest(encodeDiscoveryRequest(request)), request);
  const response: DiscoveryResponse = { versionInfo: 'v', resources: [body], typeUrl: typeUrls.cluster, nonce: 'n' };
  assert.deepEqual(decodeDiscoveryResponse(encodeDiscoveryResponse(response)), response);
});

test('an incremental request and response survive the wire', () => {
  const request: DeltaDiscoveryRequest = {
    node,
    typeUrl: typeUrls.cluster,
    resourceNamesSubscribe: ['a'],
    resourceNamesUnsubscribe: ['b'],
    initialResourceVersions: { a: '1', b: '' },
    responseNonce: 'n',
    errorDetail: { code: 3, message: 'no' },
  };
  assert.deepEqual(decodeDeltaRequest(encodeDeltaRequest(request)), request);
  const response: DeltaDiscoveryResponse = {
    systemVersionInfo: '7',
    resources: [{ name: 'a', version: '1', resource: body }],
    typeUrl: typeUrls.cluster,
    removedResources: ['b'],
    nonce: 'n',
  };
  assert.deepEqual(decodeDeltaResponse(encodeDeltaResponse(response)), response);
});

test('the field numbers are those of the protos', () => {
  const request = {
    version_info: 'v',
    node: { id: 'i', cluster: 'c', user_agent_name: 'envoy', hidden: 1 },
    resource_names: ['a'],
    resource_locators: [{ name: 'skipped' }],
    type_url: 't',
    response_nonce: 'n',
    error_detail: { code: 13, message: 'no' },
  };
  assert.deepEqual(decodeDiscoveryRequest(ads['StreamAggregatedResources']!.requestSerialize(request)), {
    versionInfo: 'v',
    node: {
      id: 'i',
      cluster: 'c',
      metadata: {},
      locality: undefined,
      userAgentName: 'envoy',
      userAgentVersion: undefined,
    },
    resourceNames: ['a'],
    typeUrl: 't',
    responseNonce: 'n',
    errorDetail: { code: 13, message: 'no' },
  });
  const response: DeltaDiscoveryResponse = {
    systemVersionInfo: '7',
    resources: [{ name: 'a', version: '1', resource: body }],
    typeUrl: 't',
    removedResources: ['b'],
    nonce: 'n',
  };
  const delta = ads['DeltaAggregatedResources']!;
  const seen = delta.responseDeserialize(encodeDeltaResponse(response)) as Record<string, unknown>;
  assert.equal(seen['system_version_info'], '7');
  assert.deepEqual(seen['removed_resources'], ['b']);
  assert.deepEqual(decodeDeltaResponse(delta.responseSerialize(seen)), response);
});
