import type { AccessLogConfig, JsonFields } from '../../snapshot/listener.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import type { Reader } from './reader.ts';

/** Envoy's default text format. */
const defaultFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** `envoy.config.accesslog.v3.AccessLog`; null for a kind that is refused. */
export function decodeAccessLog(reader: Reader): AccessLogConfig | null {
  const name = reader.string('name');
  const config = reader.message('typed_config');
  const onlyFlags = decodeFilter(reader.message('filter'));
  reader.done();
  const stream = /^envoy\.extensions\.access_loggers\.stream\.v3\.(Stdout|Stderr)AccessLog$/.exec(config?.type ?? '');
  if (config === null || (stream === null && config.type !== 'envoy.extensions.access_loggers.file.v3.FileAccessLog')) {
    reader.refuse('', `access log ${name} (${config?.type ?? 'without a type'}) is not supported: only files`);
    return null;
  }
  const path = stream === null ? config.string('path') : stream[1] === 'Stdout' ? '/dev/stdout' : '/dev/stderr';
  const format = decodeFormat(config);
  config.done();
  return { kind: 'file', path, format, onlyFlags };
}

function decodeFormat(config: Reader): AccessLogConfig['format'] {
  if (config.has('format')) return { kind: 'text', template: config.string('format') };
  if (config.has('json_format')) return { kind: 'json', fields: jsonFields(config.struct('json_format')) };
  const format = config.message('log_format');
  if (format === null) return { kind: 'text', template: defaultFormat };
  const source = format.message('text_format_source');
  const json = format.has('json_format') ? jsonFields(format.struct('json_format')) : null;
  const text = format.has('text_format')
    ? format.string('text_format')
    : (source?.string('inline_string') ?? defaultFormat);
  source?.done();
  format.ignore('json_format_options', 'formatters', 'omit_empty_values', 'content_type').done();
  return json === null ? { kind: 'text', template: text } : { kind: 'json', fields: json };
}

function jsonFields(struct: TypedObject): JsonFields {
  return Object.fromEntries(
    Object.entries(struct).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? jsonFields(value as TypedObject)
        : (value as string),
    ]),
  );
}

function decodeFilter(filter: Reader | null): readonly string[] | null {
  if (filter === null) return null;
  const flags = filter.message('response_flag_filter');
  if (flags === null) filter.refuse('', 'only response_flag_filter is supported');
  const names = flags?.strings('flags') ?? [];
  flags?.done();
  filter.ignore('response_flag_filter').done();
  return names;
}
