import type { Http2Limits } from '../../snapshot/http2-limits.ts';
import type { Reader } from './reader.ts';

/** Fields that are whole numbers, and what they are called here. */
const numbers = [
  ['hpack_table_size', 'hpackTableBytes'],
  ['max_concurrent_streams', 'maxConcurrentStreams'],
  ['initial_stream_window_size', 'maxStreamWindowBytes'],
  ['initial_connection_window_size', 'maxConnectionWindowBytes'],
  ['max_outbound_frames', 'maxOutboundFrames'],
  ['max_outbound_control_frames', 'maxOutboundControlFrames'],
  ['max_consecutive_inbound_frames_with_empty_payload', 'maxConsecutiveEmptyFrames'],
  ['max_inbound_priority_frames_per_stream', 'maxPriorityFramesPerStream'],
  ['max_inbound_window_update_frames_per_data_frame_sent', 'maxWindowUpdatesPerDataFrame'],
] as const;

/** Windows may not be smaller than HTTP/2's default, nor larger than it allows (RFC 9113 6.9.1, 6.9.2). */
const minWindowBytes = 65_535;
const maxWindowBytes = 2_147_483_647;

/** Decodes `http2_protocol_options`; null: defaults. */
export function decodeHttp2Limits(reader: Reader | null): Http2Limits {
  if (reader === null) return {};
  const limits: { -readonly [K in keyof Http2Limits]: Http2Limits[K] } = {};
  for (const [field, name] of numbers) if (reader.has(field)) limits[name] = reader.number(field);
  for (const field of ['initial_stream_window_size', 'initial_connection_window_size']) {
    const bytes = reader.has(field) ? reader.number(field) : minWindowBytes;
    if (bytes < minWindowBytes || bytes > maxWindowBytes)
      reader.refuse(field, `must be between ${minWindowBytes} and ${maxWindowBytes}`);
  }
  if (reader.has('allow_connect')) limits.allowConnect = reader.bool('allow_connect');
  const keepalive = reader.message('connection_keepalive');
  if (keepalive !== null) {
    limits.keepaliveIntervalMs = keepalive.ms('interval', 0);
    limits.keepaliveTimeoutMs = keepalive.ms('timeout', 20_000);
    keepalive.ignore('interval_jitter', 'connection_idle_interval').done();
  }
  reader
    .ignore(
      'allow_metadata',
      'stream_error_on_invalid_http_messaging',
      'override_stream_error_on_invalid_http_message',
      'custom_settings_parameters',
      'use_oghttp2_codec',
      'max_metadata_size',
      'enable_huffman_encoding',
    )
    .done();
  return limits;
}
