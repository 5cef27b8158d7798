import type { TypedObject } from '#shared/xds/typed.ts';
import { typed } from './typed-builder.ts';

/** Finds out whether a connection is HTTP/1.1 or HTTP/2 in plaintext. */
export const httpInspector: TypedObject = {
  name: 'envoy.filters.listener.http_inspector',
  typed_config: typed('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'),
};

/** Finds out whether a connection is TLS, for whom and what it is to carry. */
export const tlsInspector: TypedObject = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {
    initial_read_buffer_size: 512,
  }),
};

type Needs = { tls: boolean; http: boolean };

/**
 * The inspectors that an inbound listener needs for the matches of its filter chains, switched off on ports where none of them does: there
 * a connection is not made to wait for bytes that a server-first protocol never sends.
 */
export function inspectorsFor(matches: readonly TypedObject[]): readonly TypedObject[] {
  const needs = new Map<number, Needs>();
  for (const match of matches) {
    const port = Number(match['destination_port'] ?? 0);
    const protocols = match['application_protocols'];
    const entry = needs.get(port) ?? { tls: false, http: false };
    entry.tls ||= match['transport_protocol'] === 'tls';
    entry.http ||=
      Array.isArray(protocols) && protocols.some((protocol) => protocol === 'http/1.1' || protocol === 'h2c');
    needs.set(port, entry);
  }
  return [...tlsInspectors(needs), ...httpInspectors(needs)];
}

function tlsInspectors(needs: ReadonlyMap<number, Needs>): readonly TypedObject[] {
  const ports = [...needs].filter(([port]) => port !== 0).toSorted(([a], [b]) => a - b);
  if (![...needs.values()].some(({ tls }) => tls)) {
    return [];
  }
  if (needs.get(0)?.tls === true) {
    return [
      disabledOn(
        tlsInspector,
        ports.filter(([, need]) => !need.tls).map(([port]) => port),
      ),
    ];
  }
  const enabled = ports.filter(([, need]) => need.tls).map(([port]) => port);
  return [{ ...tlsInspector, filter_disabled: { not_match: portPredicate(enabled) } }];
}

function httpInspectors(needs: ReadonlyMap<number, Needs>): readonly TypedObject[] {
  if (![...needs.values()].some(({ http }) => http)) {
    return [];
  }
  const idle = [...needs].filter(([, need]) => !need.http).map(([port]) => port);
  return [
    disabledOn(
      httpInspector,
      idle.toSorted((a, b) => a - b),
    ),
  ];
}

function disabledOn(inspector: TypedObject, ports: readonly number[]): TypedObject {
  return ports.length === 0 ? inspector : { ...inspector, filter_disabled: portPredicate(ports) };
}

function portPredicate(ports: readonly number[]): TypedObject {
  const rules = ports.map((port) => ({
    destination_port_range: port === 0 ? { end: 1 } : { start: port, end: port + 1 },
  }));
  const [only] = rules;
  return only !== undefined && rules.length === 1 ? only : { or_match: { rules } };
}
