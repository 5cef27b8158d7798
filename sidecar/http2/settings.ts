import { Buffer } from 'node:buffer';
import { defaultFrameBytes, defaultWindowBytes, maxInt31, readUint32 } from './frames.ts';
import type { Http2Options } from './options.ts';
import { faults, type Http2Fault } from './protocol-error.ts';

/** Identifiers (RFC 9113 6.5.2, RFC 8441 3). */
const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

const settingBytes = 6;
const maxFrameBytes = 0xff_ffff;

/** What the peer said in its SETTINGS, with the defaults of RFC 9113 6.5.2 before. */
export class PeerSettings {
  hasArrived = false;
  headerTableBytes = 4096;
  maxConcurrentStreams = Infinity;
  initialWindowBytes = defaultWindowBytes;
  maxFrameBytes = defaultFrameBytes;
  allowsConnect = false;
  readonly #isServer: boolean;

  /** `isServer`: of the peer. */
  constructor(isServer: boolean) {
    this.#isServer = isServer;
  }

  /** Takes the payload of one SETTINGS frame, whose length is a multiple of 6. */
  apply(bytes: Uint8Array, start: number, end: number): Http2Fault | null {
    this.hasArrived = true;
    for (let at = start; at < end; at += settingBytes) {
      const id = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      const fault = this.#set(id, readUint32(bytes, at + 2));
      if (fault !== null) return fault;
    }
    return null;
  }

  #set(id: number, value: number): Http2Fault | null {
    switch (id) {
      case settingId.headerTableSize:
        this.headerTableBytes = value;
        return null;
      case settingId.enablePush:
        // A server may only ever say that it does not push (RFC 9113 6.5.2).
        return value > (this.#isServer ? 0 : 1) ? faults.settingsValue : null;
      case settingId.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return null;
      case settingId.initialWindowSize:
        this.initialWindowBytes = value;
        return value > maxInt31 ? faults.settingsWindow : null;
      case settingId.maxFrameSize:
        this.maxFrameBytes = value;
        return value < defaultFrameBytes || value > maxFrameBytes ? faults.settingsValue : null;
      case settingId.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.allowsConnect)) return faults.settingsValue;
        this.allowsConnect = value === 1;
        return null;
    }
    return null;
  }
}

/** The payload of the SETTINGS that we start with. */
export function encodeSettings(options: Http2Options, isServer: boolean): Buffer {
  const settings: [number, number][] = [
    [settingId.initialWindowSize, options.initialStreamWindowBytes],
    [settingId.maxHeaderListSize, options.maxHeaderListBytes],
  ];
  if (options.hpackTableBytes !== 4096) settings.push([settingId.headerTableSize, options.hpackTableBytes]);
  if (isServer) {
    settings.push([settingId.maxConcurrentStreams, options.maxConcurrentStreams]);
    if (options.allowConnect) settings.push([settingId.enableConnectProtocol, 1]);
  } else {
    settings.push([settingId.enablePush, 0]);
  }
  const payload = Buffer.alloc(settings.length * settingBytes);
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * settingBytes);
    payload.writeUInt32BE(value, index * settingBytes + 2);
  });
  return payload;
}
