import { DestinationRule } from '@kubernetes-models/istio/networking.istio.io/v1/DestinationRule';
import { ServiceEntry } from '@kubernetes-models/istio/networking.istio.io/v1/ServiceEntry';
import { Sidecar } from '@kubernetes-models/istio/networking.istio.io/v1/Sidecar';
import { VirtualService } from '@kubernetes-models/istio/networking.istio.io/v1/VirtualService';
import { WorkloadEntry } from '@kubernetes-models/istio/networking.istio.io/v1/WorkloadEntry';
import { WorkloadGroup } from '@kubernetes-models/istio/networking.istio.io/v1/WorkloadGroup';
import { PeerAuthentication } from '@kubernetes-models/istio/security.istio.io/v1/PeerAuthentication';
import { isRecord } from './field.ts';
import { discoverKnownFields, type KnownFields } from './known-fields.ts';

/** The compiled schemas of Istio's kinds. All versions of a kind have one schema, that of v1. */

/** An error of a compiled schema, as Ajv has it. */
export type SchemaError = Readonly<{
  instancePath: string;
  keyword: string;
  params: Readonly<Record<string, unknown>>;
  message?: string | undefined;
}>;

/** A kind of Istio that has a schema here. */
export type SchemaKind = keyof typeof models;

const models = {
  VirtualService,
  DestinationRule,
  ServiceEntry,
  WorkloadEntry,
  WorkloadGroup,
  Sidecar,
  PeerAuthentication,
};
const discovered = new Map<SchemaKind, KnownFields>();

/** What the schema of a kind says against a spec; instance paths begin with `/spec`. */
export function validateSpec(kind: SchemaKind, spec: unknown): readonly SchemaError[] {
  const model = models[kind];
  const document = { apiVersion: model.apiVersion, kind, metadata: { name: 'x' }, spec };
  try {
    // The model's own method wants an instance, whose constructor would copy the whole document first.
    Reflect.apply(model.prototype.validate, document, []);
    return [];
  } catch (error) {
    // Not every thrown thing is the validator's report: whatever else it is is a fault of the program.
    if (!isRecord(error) || !Array.isArray(error['errors'])) throw error;
    return error['errors'] as readonly SchemaError[];
  }
}

/** Every field that the schema of a kind has below `spec`. */
export function knownFieldsOf(kind: SchemaKind): KnownFields {
  const known = discovered.get(kind) ?? discoverKnownFields((spec) => validateSpec(kind, spec));
  discovered.set(kind, known);
  return known;
}
