import { isHttp2, isHttp } from '#shared/model/protocol.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import type { MeshPort } from '../mesh-service.ts';
import type { PolicyBlocks } from '../traffic-policy.ts';
import { compact, typed } from '../typed-builder.ts';
import { commonHttpOptions } from './connection-pool.ts';

const optionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** HTTP/2 when the client speaks it, HTTP/1.1 otherwise. */
export const downstreamProtocol: TypedObject = {
  use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
};

/** Whether requests to a port always travel as HTTP/2. */
export function isHttp2Upstream(port: MeshPort, policy: PolicyBlocks | undefined): boolean {
  return isHttp2(port.protocol) || policy?.connectionPool?.http?.h2UpgradePolicy === 'UPGRADE';
}

/** The HTTP settings of a cluster, for a port and the policy that holds for it. `undefined`: plain HTTP/1.1, all defaults. */
export function httpProtocolOptions({
  port,
  policy,
  isExternalTls = false,
  idleDefault,
}: Readonly<{
  port: MeshPort;
  policy: PolicyBlocks | undefined;
  isExternalTls?: boolean;
  idleDefault?: string | undefined;
}>): TypedObject | undefined {
  const pool = policy?.connectionPool;
  const common = commonHttpOptions(pool, isHttp(port.protocol) || port.protocol === 'auto' ? idleDefault : undefined);
  const upstream = isExternalTls ? externalTlsOptions(policy) : undefined;
  const protocol = protocolConfig(port, policy);
  if (protocol === undefined && common === undefined && upstream === undefined) {
    return undefined;
  }
  return httpOptions({
    common_http_protocol_options: common,
    upstream_http_protocol_options: upstream,
    ...(protocol ?? { explicit_http_config: { http_protocol_options: {} } }),
  });
}

/** `typed_extension_protocol_options` with the HTTP options in it. */
export function httpOptions(fields: Parameters<typeof typed>[1]): TypedObject {
  return { [optionsName]: typed(optionsName, fields) };
}

function protocolConfig(port: MeshPort, policy: PolicyBlocks | undefined): TypedObject | undefined {
  const { useClientProtocol, maxConcurrentStreams = 0 } = policy?.connectionPool?.http ?? {};
  if (useClientProtocol === true || (port.protocol === 'auto' && !isHttp2Upstream(port, policy))) {
    return downstreamProtocol;
  }
  if (!isHttp2Upstream(port, policy)) {
    return undefined;
  }
  const streams = maxConcurrentStreams > 0 ? maxConcurrentStreams : undefined;
  return { explicit_http_config: { http2_protocol_options: compact({ max_concurrent_streams: streams }) } };
}

/** Without a name in the rule, the server name is the request's host, and the certificate must be for it. */
function externalTlsOptions(policy: PolicyBlocks | undefined): TypedObject | undefined {
  const { sni = '', subjectAltNames = [], insecureSkipVerify = false } = policy?.tls ?? {};
  if (sni !== '') {
    return undefined;
  }
  const checksName = subjectAltNames.length === 0 && !insecureSkipVerify;
  return checksName ? { auto_sni: true, auto_san_validation: true } : { auto_sni: true };
}
