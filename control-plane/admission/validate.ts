/**
 * What the validating webhook decides, as a function of the review and the catalog: nothing else is read and nothing is changed, so
 * a dry run has no side effects. The checks are those of `meshctl validate`: the document by itself, then in view of the others, with
 * the catalog as it would be after the change.
 *
 * Only what a change brings in is refused: a document that is wrong by itself, or a second VirtualService for a host, whichever of the
 * two would win. A destination that is not there is a warning, for it may be applied next. What was wrong before and is left as it is passes
 * with warnings, so that labels and finalizers can always be changed; deletion is always allowed.
 */
import { isDeepStrictEqual } from 'node:util';
import { analyze } from '#shared/analysis/analyze.ts';
import type { Finding } from '#shared/analysis/finding.ts';
import { allow, refuse, type AdmissionRequest, type AdmissionReview } from '#shared/kubernetes/admission-review.ts';
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { isKnownKind, parseResource, unhonouredKindCode } from '#shared/model/parse.ts';
import { resourceKey, type Resource } from '#shared/model/resource.ts';
import type { Problem } from '#shared/runtime/result.ts';
import { resourcesOf, type Catalog } from '../catalog/catalog.ts';

export type ValidationContext = Readonly<{
  catalog: Catalog;
  mesh: MeshConfig;
  /** Namespaces in which nothing is ever refused. */
  exempt: readonly string[];
}>;

/** Never in the way of what runs the cluster; the control plane's own namespace comes to these. */
export const systemNamespaces: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Answers a review of a resource. */
export function validateReview(review: AdmissionReview, context: ValidationContext): AdmissionReview {
  const { request } = review;
  if (!isJudged(request)) return allow(review);
  const { refusals, warnings } = judge(request, context);
  const isExempt = context.exempt.includes(request.namespace);
  if (refusals.length === 0 || isExempt || isLeftAsItWas(request))
    return allow(review, shorten([...refusals, ...warnings]));
  return refuse(review, shorten(refusals).join('; '), { warnings: shorten(warnings) });
}

/** What is deleted, or is about to be, is nobody's business; nor are subresources and kinds that we do not know. */
function isJudged({ operation, subResource, object }: AdmissionRequest): boolean {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
  return subResource === '' && isKnownKind(object) && member(object, 'metadata', 'deletionTimestamp') === undefined;
}

function isLeftAsItWas({ operation, object, oldObject }: AdmissionRequest): boolean {
  return operation === 'UPDATE' && isDeepStrictEqual(member(object, 'spec'), member(oldObject, 'spec'));
}

type Judgement = Readonly<{ refusals: readonly string[]; warnings: readonly string[] }>;

function judge({ object }: AdmissionRequest, context: ValidationContext): Judgement {
  const parsed = parseResource(object);
  if (!parsed.ok) {
    if (parsed.problems.some(({ code }) => code === unhonouredKindCode)) return ofUnhonoured(object, parsed.problems);
    const [errors, warnings] = split(parsed.problems);
    return { refusals: errors.map(describe), warnings: warnings.map(describe) };
  }
  const found = findingsOf(parsed.value, context);
  const [errors, others] = split(found.own);
  const conflicts = errors.filter((finding) => finding.code === conflictCode && found.isNew(finding));
  const warnings = [...parsed.warnings, ...errors.filter((error) => !conflicts.includes(error)), ...others];
  const [taken, spoilt] = [
    found.elsewhere.filter(({ code }) => code === conflictCode),
    found.elsewhere.filter(({ code }) => code !== conflictCode),
  ];
  return {
    refusals: [...conflicts.map(describe), ...taken.map(describeElsewhere)],
    warnings: [...warnings.map(describe), ...spoilt.map(describeElsewhere)],
  };
}

/** Kinds of the mesh that do nothing yet are told; those of Kubernetes itself are none of ours. */
function ofUnhonoured(object: unknown, problems: readonly Problem[]): Judgement {
  const group = String(member(object, 'apiVersion') ?? '').split('/')[0] ?? '';
  const isOfMesh = /(^|\.)(istio\.io|smi-spec\.io|gateway\.networking\.k8s\.io)$/.test(group);
  return { refusals: [], warnings: isOfMesh ? problems.map(({ message }) => message) : [] };
}

/** IST0109: of two VirtualServices for a host the younger one's rules do not hold. The only finding that waiting does not mend. */
const conflictCode = 'IST0109';

type Found = Readonly<{
  own: readonly Finding[];
  /** What the change makes wrong in other resources. */
  elsewhere: readonly Finding[];
  isNew: (finding: Finding) => boolean;
}>;

function findingsOf(resource: Resource, { catalog, mesh }: ValidationContext): Found {
  const key = resourceKey(resource);
  const others = resourcesOf(catalog).filter((other) => resourceKey(other) !== key);
  const known = new Set(findingsBefore(catalog, mesh).map(identify));
  const isNew = (finding: Finding) => !known.has(identify(finding));
  const all = analyze([...others, resource], mesh);
  return {
    own: all.filter((finding) => finding.resource === key),
    elsewhere: all.filter((finding) => finding.resource !== key && isNew(finding)),
    isNew,
  };
}

const before = new WeakMap<Catalog, readonly Finding[]>();

/** A burst of reviews meets one catalog: it is analysed once. */
function findingsBefore(catalog: Catalog, mesh: MeshConfig): readonly Finding[] {
  const known = before.get(catalog);
  if (known !== undefined) return known;
  const found = analyze(resourcesOf(catalog), mesh);
  before.set(catalog, found);
  return found;
}

const identify = ({ resource, code, message }: Finding) => `${resource} ${code} ${message}`;

function split<P extends Problem>(problems: readonly P[]): readonly [errors: readonly P[], warnings: readonly P[]] {
  return [
    problems.filter(({ severity }) => severity === 'error'),
    problems.filter(({ severity }) => severity === 'warning'),
  ];
}

function describe({ path, message, code }: Problem): string {
  const where = path === '' ? '' : `${path}: `;
  return `${where}${message}${code === undefined ? '' : ` [${code}]`}`;
}

const describeElsewhere = (finding: Finding) => `${finding.resource}: ${describe(finding)}`;

/** The API server cuts warnings that are over 4096 characters together; what is left out is at least counted. */
const maxTold = 15;
const maxChars = 250;

function shorten(messages: readonly string[]): readonly string[] {
  const short = messages.map((text) => (text.length > maxChars ? `${text.slice(0, maxChars - 3)}...` : text));
  return short.length <= maxTold
    ? short
    : [...short.slice(0, maxTold), `and ${short.length - maxTold} more: see meshctl validate`];
}

function member(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined),
    value,
  );
}
