/** What a configuration says of HTTP/2 (`http2_protocol_options`); what is absent stays at the defaults of `http2/options.ts`. */
export type Http2Limits = Readonly<{
  hpackTableBytes?: number;
  maxConcurrentStreams?: number;
  maxStreamWindowBytes?: number;
  maxConnectionWindowBytes?: number;
  allowConnect?: boolean;
  maxOutboundFrames?: number;
  maxOutboundControlFrames?: number;
  maxConsecutiveEmptyFrames?: number;
  maxPriorityFramesPerStream?: number;
  maxWindowUpdatesPerDataFrame?: number;
  keepaliveIntervalMs?: number;
  keepaliveTimeoutMs?: number;
}>;
