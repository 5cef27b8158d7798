import { formatDurationMs } from '#shared/model/duration.ts';
import type { TypedMessage, TypedObject, TypedValue } from '#shared/xds/typed.ts';

/** Fields of a message under construction: those that are `undefined` are left out. */
export type Fields = Readonly<Record<string, TypedValue | undefined>>;

/** The message with its unset fields left out. */
export function compact(fields: Fields): TypedObject {
  const out: Record<string, TypedValue> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) {
      out[name] = value;
    }
  }
  return out;
}

/** A message in an `Any`, by the short name of its type (`envoy.config.cluster.v3.Cluster`). */
export function typed(type: string, fields: Fields = {}): TypedMessage {
  return { '@type': `type.googleapis.com/${type}`, ...compact(fields) };
}

/** `undefined` for an empty list: repeated fields at their default are absent. */
export function nonEmpty<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

/** A duration as protobuf writes it in JSON: no fraction, or one of 3, 6 or 9 digits (`2s`, `2.500s`). */
export function toDuration(milliseconds: number): string {
  const [seconds = '0', fraction = ''] = formatDurationMs(milliseconds).slice(0, -1).split('.');
  return fraction === '' ? `${seconds}s` : `${seconds}.${fraction.padEnd(Math.ceil(fraction.length / 3) * 3, '0')}s`;
}

/** Where a resource comes from: the ADS stream itself. */
export const adsSource: TypedObject = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };

/** A socket address. */
export function toAddress(address: string, port: number): TypedObject {
  return { socket_address: compact({ address, port_value: port }) };
}

/** Which user resource a message was made of: `filter_metadata.istio.config`. */
export function configMetadata(path: string): TypedObject {
  return { filter_metadata: { istio: { config: path } } };
}
