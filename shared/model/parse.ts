import { fail, ok, problem, type Result } from '../runtime/result.ts';
import { standingOf, versionsOf } from './known-kinds.ts';
import { defaultNamespace, type Metadata } from './metadata.ts';
import { notHonoured } from './not-honoured.ts';
import { resourceKey, type Resource, type ResourceKind } from './resource.ts';
import { checkDestinationRule } from './rules/destination-rule-rules.ts';
import { Field } from './rules/field.ts';
import type { SchemaKind } from './rules/istio-schemas.ts';
import { readEndpointSlice } from './rules/endpoint-slice-rules.ts';
import { readMetadata } from './rules/metadata-rules.ts';
import { toNotHonouredTree, warnOfNotHonoured, type NotHonouredTree } from './rules/not-honoured-rules.ts';
import { checkPeerAuthentication } from './rules/peer-authentication-rules.ts';
import { readNamespaceMetadata, readNodeMetadata } from './rules/cluster-rules.ts';
import { readPodMetadata, readPodSpec, readPodStatus } from './rules/pod-rules.ts';
import { Report } from './rules/report.ts';
import { checkSchema } from './rules/schema.ts';
import { checkServiceEntry } from './rules/service-entry-rules.ts';
import { readServiceSpec } from './rules/service-rules.ts';
import { checkSidecar } from './rules/sidecar-rules.ts';
import { readTrafficSplitSpec } from './rules/traffic-split-rules.ts';
import { refuseUnknownName } from './rules/unknown-fields.ts';
import { checkVirtualService } from './rules/virtual-service-rules.ts';
import { checkWorkloadEntry, checkWorkloadGroup } from './rules/workload-rules.ts';

/**
 * Documents become resources here, and nowhere else: an unknown value comes in, and out goes a frozen resource with
 * warnings, or every problem at once, each with its path (`spec.http[0].route[1].destination.host`).
 *
 *   unknown -> kind -> metadata -> schema + unknown fields -> Istio's rules -> what is not honoured -> Resource
 *
 * Each step reads through `Field`, which takes any value, so that a document is judged as a whole however wrong a part
 * of it is. Rules live in `rules/`, one file a kind or a block; what is not honoured is a table, `not-honoured.ts`.
 */

/** `kind X of apiVersion Y is not known`. */
export const unknownKindCode = 'TUL0101';
/** `kind X of apiVersion Y is not honoured yet`: to be told to the user, but nothing is wrong with the document. */
export const unhonouredKindCode = 'TUL0102';

const documentFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
const sliceFields = ['apiVersion', 'kind', 'metadata', 'addressType', 'endpoints', 'ports'];
const rules: Readonly<Record<SchemaKind, (spec: Field, metadata: Metadata, report: Report) => void>> = {
  VirtualService: checkVirtualService,
  DestinationRule: checkDestinationRule,
  ServiceEntry: checkServiceEntry,
  WorkloadEntry: checkWorkloadEntry,
  WorkloadGroup: checkWorkloadGroup,
  Sidecar: checkSidecar,
  PeerAuthentication: checkPeerAuthentication,
};
const trees = new Map<ResourceKind, NotHonouredTree>(
  Object.entries(notHonoured).map(([kind, table]) => [kind as ResourceKind, toNotHonouredTree(table)]),
);

/** Whether a document is of a kind that {@link parseResource} reads, or that is at least known to exist. */
export function isKnownKind(document: unknown): boolean {
  const { apiVersion, kind } = readKind(new Field('', document));
  return standingOf(apiVersion, kind).standing !== 'unknown';
}

/** A document as a resource, or every reason why it is none. Never throws, whatever the document is. */
export function parseResource(document: unknown): Result<Resource> {
  const root = new Field('', document);
  const { apiVersion, kind } = readKind(root);
  const missing = missingKind(root, { apiVersion, kind });
  if (missing !== null) return missing;
  const found = standingOf(apiVersion, kind);
  if (found.standing === 'honoured') return parseKnown(root, found.kind, apiVersion);
  const name = `kind ${kind} of apiVersion ${apiVersion}`;
  if (found.standing === 'unhonoured')
    return fail([problem('kind', `${name} is not honoured yet`, unhonouredKindCode)]);
  const versions = versionsOf(kind);
  const hint = versions.length === 0 ? '' : `, ${kind} is read as ${versions.join(', ')}`;
  return fail([problem('kind', `${name} is not known${hint}`, unknownKindCode)]);
}

/** The key (`KIND/NAMESPACE/NAME`) that a document claims, right or wrong; `null` when it tells no kind or name. */
export function claimedKey(document: unknown): string | null {
  const root = new Field('', document);
  const { kind } = readKind(root);
  const name = root.at('metadata', 'name').text;
  if (kind === '' || name === '') return null;
  return resourceKey({
    kind,
    metadata: { name, namespace: root.at('metadata', 'namespace').text || defaultNamespace },
  });
}

function readKind(root: Field): Readonly<{ apiVersion: string; kind: string }> {
  return { apiVersion: root.get('apiVersion').text, kind: root.get('kind').text };
}

function missingKind(root: Field, read: Readonly<{ apiVersion: string; kind: string }>): Result<Resource> | null {
  if (!root.isObject) return fail([problem('', 'is not a resource: it must be an object', 'IST0106')]);
  const names = (['apiVersion', 'kind'] as const).filter((name) => read[name] === '');
  if (names.length === 0) return null;
  return fail(names.map((name) => problem(name, 'is required, must be a string', 'IST0106')));
}

function parseKnown(root: Field, kind: ResourceKind, apiVersion: string): Result<Resource> {
  const report = new Report();
  const fields = kind === 'EndpointSlice' ? sliceFields : documentFields;
  for (const [name, member] of root.entries) {
    if (!fields.includes(name)) refuseUnknownName(name, member, fields, report);
  }
  const metadata = readMetadata(root.get('metadata'), report);
  const body = readBody(root, { kind, apiVersion, metadata }, report);
  const tree = trees.get(kind);
  if (tree !== undefined) warnOfNotHonoured(root, tree, report);
  if (report.errors.length > 0) return fail([...report.errors, ...report.warnings]);
  // The schema and the rules have just held for this very kind.
  return ok(deepFreeze({ kind, apiVersion, metadata, ...body }) as Resource, report.warnings);
}

type About = Readonly<{ kind: ResourceKind; apiVersion: string; metadata: Metadata }>;

/** What a resource has beside its name; its metadata too where they are not those of every kind. */
function readBody(root: Field, about: About, report: Report): object {
  const [spec, { metadata }] = [root.get('spec'), about];
  switch (about.kind) {
    case 'Pod':
      return {
        metadata: readPodMetadata(root.get('metadata'), metadata, report),
        spec: readPodSpec(spec, report),
        status: readPodStatus(root.get('status'), report),
      };
    case 'EndpointSlice':
      return readEndpointSlice(root, report);
    case 'Node':
      return { metadata: readNodeMetadata(metadata), spec: {} };
    case 'Namespace':
      return { metadata: readNamespaceMetadata(metadata), spec: {} };
    case 'Service':
      return { spec: readServiceSpec(spec, report) };
    case 'TrafficSplit':
      return { spec: readTrafficSplitSpec(spec, about.apiVersion, report) };
    case 'WorkloadEntry':
      return { spec: readSpec(spec, about.kind, about, report), ...readConditions(root.at('status', 'conditions')) };
    case 'VirtualService':
    case 'DestinationRule':
    case 'ServiceEntry':
    case 'WorkloadGroup':
    case 'Sidecar':
    case 'PeerAuthentication':
      return { spec: readSpec(spec, about.kind, about, report) };
  }
}

function readSpec(spec: Field, kind: SchemaKind, { metadata }: About, report: Report): unknown {
  // A PeerAuthentication may say nothing: it then leaves the mode to the next wider one.
  const given = kind === 'PeerAuthentication' && !spec.isSet ? new Field(spec.path, {}) : spec;
  checkSchema(kind, given, report);
  if (given.isObject) rules[kind](given, metadata, report);
  return report.errors.length > 0 ? undefined : copyWithoutNulls(given.value);
}

function readConditions(conditions: Field): object {
  if (!Array.isArray(conditions.value)) return {};
  const read = conditions.items
    // Others are for people, and some are written by the control plane itself: they change nothing in the mesh.
    .filter((condition) => condition.get('type').text === 'Healthy')
    .map((condition) => ({
      type: condition.get('type').text,
      status: condition.get('status').text,
      ...(condition.get('message').isSet ? { message: condition.get('message').text } : {}),
    }));
  return read.length === 0 ? {} : { status: { conditions: read } };
}

/** A copy of a value that was validated, so that its depth is bounded; a member that is `null` is no member. */
function copyWithoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyWithoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, copyWithoutNulls(member)]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
