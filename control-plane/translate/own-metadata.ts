import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import type { Compat } from './compat.ts';
import type { MeshIndex } from './mesh-index.ts';
import type { ProxyNode } from './proxy-node.ts';

/**
 * What only our own sidecars read, as metadata of listeners, which Envoy keeps and does not look at: whose defaults hold (strictness
 * of parsing, which requests are retried; nothing under Tulle's own), and how to ask the application's health.
 */
export function ownMetadata(compat: Compat, probe: TypedObject | null = null): TypedObject {
  const own = { ...(compat === 'istio' ? { compat } : {}), ...(probe === null ? {} : { probe }) };
  return Object.keys(own).length === 0 ? {} : { metadata: { filter_metadata: { tulle: own } } };
}

/** The probe of the WorkloadGroup that a proxy joined by (`AUTO_REGISTER_GROUP`), as the user wrote it. */
export function probeOf(index: MeshIndex, { metadata, namespace }: ProxyNode): TypedObject | null {
  const name = metadata['AUTO_REGISTER_GROUP'];
  const group = index.workloadGroups.find(
    (found) => found.metadata.name === name && found.metadata.namespace === namespace,
  );
  const probe = group?.spec.probe;
  return probe === undefined ? null : toTyped(probe);
}

/** A parsed document holds nothing but JSON. */
function toTyped(value: object): TypedObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]): [string, TypedValue] => [key, item as TypedValue]),
  );
}
