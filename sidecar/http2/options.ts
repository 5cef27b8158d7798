/**
 * Limits, windows and times of HTTP/2 connections. A time of 0 is none. Names in comments are Envoy's, of `http2_protocol_options`
 * where nothing else is said; where a default is not Envoy's the comment says so.
 */
export type Http2Options = Readonly<{
  /** HPACK table that our decoder offers, and the most that our encoder uses (`hpack_table_size`). */
  hpackTableBytes: number;
  /** Streams that a client may have open; as a client, streams that we open at most (`max_concurrent_streams`; Envoy from 1.36). */
  maxConcurrentStreams: number;
  /** Window that a stream starts with, at least 65,535. Envoy gives `initial_stream_window_size` at once; ours grows up to it. */
  initialStreamWindowBytes: number;
  /** The most that a stream's window grows to: what a sender can have under way that nobody took (`initial_stream_window_size`). */
  maxStreamWindowBytes: number;
  /** Window that a connection starts with, at least 65,535. */
  initialConnectionWindowBytes: number;
  /** The most that it grows to, so what one connection can make us hold of bodies (`initial_connection_window_size`). */
  maxConnectionWindowBytes: number;
  /** Extended CONNECT, RFC 8441 (`allow_connect`; Envoy: false). */
  allowConnect: boolean;
  /** Largest header list: octets of names and values, and 32 a field (`max_request_headers_kb`). A block may not be larger either. */
  maxHeaderListBytes: number;
  /** Most fields of a head or trailers (`common_http_protocol_options.max_headers_count`). */
  maxFields: number;
  /**
   * Queued body of one stream above which `sendData` says false when a window, or the connection, holds it up; below half of it
   * `onWritable` comes. What flows is written at the end of the turn, so it may be eight times as much.
   */
  maxStreamQueuedBytes: number;
  /** Frames that wait for the peer to read (`max_outbound_frames`). */
  maxOutboundFrames: number;
  /** Of these SETTINGS, PING and RST_STREAM (`max_outbound_control_frames`). */
  maxOutboundControlFrames: number;
  /** HEADERS, CONTINUATION and DATA without payload and END_STREAM in a row (`max_consecutive_inbound_frames_with_empty_payload`). */
  maxConsecutiveEmptyFrames: number;
  /** PRIORITY frames: this, times streams opened and one (`max_inbound_priority_frames_per_stream`). */
  maxPriorityFramesPerStream: number;
  /** WINDOW_UPDATE frames: 5 + 2 * (streams opened + this * DATA frames sent) (`max_inbound_window_update_frames_per_data_frame_sent`). */
  maxWindowUpdatesPerDataFrame: number;
  /** Streams after which half of them may not have been reset early (`overload.premature_reset_total_stream_count`). */
  prematureResetStreams: number;
  /** A stream that is reset at a younger age was reset early (`overload.premature_reset_min_stream_lifetime_seconds`). */
  prematureResetMs: number;
  /** How long the peer has to acknowledge SETTINGS (Envoy: no limit). */
  settingsAckTimeoutMs: number;
  /** How long a preface, a header block or the rest of a frame may take (`request_headers_timeout`; Envoy: no limit). */
  headTimeoutMs: number;
  /** How long a connection may be without streams (`idle_timeout`). */
  idleTimeoutMs: number;
  /** How long queued output of a stream may wait for its windows (`stream_idle_timeout`, `stream_flush_timeout`). */
  streamIdleTimeoutMs: number;
  /** How long a closing connection waits for the peer to close too (`delayed_close_timeout`). */
  delayedCloseMs: number;
  /** How long the first GOAWAY may be before the second when its PING is not answered. */
  drainGraceMs: number;
  /** After how long without input a PING asks for a sign of life (`connection_keepalive.interval`). */
  keepaliveIntervalMs: number;
  /** How long its answer may take (`connection_keepalive.timeout`). */
  keepaliveTimeoutMs: number;
}>;

/** Envoy's limits and times; windows that start small. */
export const defaultHttp2Options: Http2Options = {
  hpackTableBytes: 4096,
  maxConcurrentStreams: 1024,
  initialStreamWindowBytes: 65_535,
  maxStreamWindowBytes: 4 * 1024 * 1024,
  initialConnectionWindowBytes: 1024 * 1024,
  maxConnectionWindowBytes: 8 * 1024 * 1024,
  allowConnect: true,
  maxHeaderListBytes: 60 * 1024,
  maxFields: 100,
  maxStreamQueuedBytes: 16 * 1024,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  prematureResetStreams: 500,
  prematureResetMs: 1000,
  settingsAckTimeoutMs: 10_000,
  headTimeoutMs: 60_000,
  idleTimeoutMs: 3_600_000,
  streamIdleTimeoutMs: 300_000,
  delayedCloseMs: 1000,
  drainGraceMs: 1000,
  keepaliveIntervalMs: 0,
  keepaliveTimeoutMs: 20_000,
};
