import { frameFlag, frameType } from './frames.ts';
import { faults, type Http2Fault } from './protocol-error.ts';

type FrameHeader = Readonly<{ type: number; flags: number; streamId: number; length: number }>;

/** What is wrong with a frame by its header alone: whether it may be of a stream, and how long it is (RFC 9113 6). */
export function shapeFault({ type, flags, streamId, length }: FrameHeader): Http2Fault | null {
  switch (type) {
    case frameType.data:
    case frameType.headers:
    case frameType.continuation:
    case frameType.priority:
      return streamId === 0 ? faults.streamZero : null;
    case frameType.rstStream:
      if (streamId === 0) return faults.streamZero;
      return length === 4 ? null : faults.payloadSize;
    case frameType.windowUpdate:
      return length === 4 ? null : faults.payloadSize;
    case frameType.settings:
      if (streamId !== 0) return faults.streamNotZero;
      if ((flags & frameFlag.ack) !== 0) return length === 0 ? null : faults.settingsAckPayload;
      return length % 6 === 0 ? null : faults.payloadSize;
    case frameType.ping:
      if (streamId !== 0) return faults.streamNotZero;
      return length === 8 ? null : faults.payloadSize;
    case frameType.goaway:
      if (streamId !== 0) return faults.streamNotZero;
      return length >= 8 ? null : faults.payloadSize;
    case frameType.pushPromise:
      return faults.pushPromise;
    default:
      return null;
  }
}
