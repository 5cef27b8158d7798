import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { istioJsonFormat, istioTextFormat } from '#shared/telemetry/access-log-formats.ts';
import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import { typed } from './typed-builder.ts';

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
    return { json_format: parseFormat(accessLogFormat) ?? istioJsonFormat, json_format_options: {} };
  }
  const text = accessLogFormat === '' ? istioTextFormat : accessLogFormat;
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
