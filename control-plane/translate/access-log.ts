import type { MeshConfig } from '#shared/model/mesh-config.ts';
import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import { typed } from './typed-builder.ts';

const defaultText =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

const defaultJson: TypedObject = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

/** `access_log` of a filter; nothing when the mesh logs no requests. */
export function accessLog(mesh: MeshConfig): TypedObject {
  return mesh.accessLogFile === '' ? {} : { access_log: [fileLog(mesh)] };
}

/** `access_log` of a listener: only connections for which it had no filter chain. */
export function listenerAccessLog(mesh: MeshConfig): TypedObject {
  return mesh.accessLogFile === ''
    ? {}
    : { access_log: [{ ...fileLog(mesh), filter: { response_flag_filter: { flags: ['NR'] } } }] };
}

function fileLog(mesh: MeshConfig): TypedObject {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path: mesh.accessLogFile,
      log_format: logFormat(mesh),
    }),
  };
}

function logFormat({ accessLogEncoding, accessLogFormat }: MeshConfig): TypedObject {
  if (accessLogEncoding === 'JSON') {
    return { json_format: parseFormat(accessLogFormat) ?? defaultJson, json_format_options: {} };
  }
  const text = accessLogFormat === '' ? defaultText : accessLogFormat;
  return { text_format_source: { inline_string: text.endsWith('\n') ? text : `${text}\n` } };
}

/** The user's JSON format; `undefined` when it is not an object (validation has told so). */
function parseFormat(format: string): TypedObject | undefined {
  try {
    const parsed: unknown = JSON.parse(format);
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, TypedValue>) : undefined; // what JSON.parse gives is a TypedValue
  } catch {
    return undefined;
  }
}
