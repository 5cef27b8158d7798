import { fail, ok, problem, type Problem, type Result } from '../runtime/result.ts';

/**
 * What the API server asks of a webhook and what it is answered: `AdmissionReview` of admission.k8s.io, v1 and v1beta1 (one shape;
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers). A body becomes a review by
 * {@link parseAdmissionReview}; a handler answers the same review with a `response`, made by {@link allow}, {@link patchWith} or
 * {@link refuse}; {@link encodeAdmissionReview} is what goes back.
 */

export type AdmissionVersion = 'admission.k8s.io/v1' | 'admission.k8s.io/v1beta1';

export type GroupVersionKind = Readonly<{ group: string; version: string; kind: string }>;
export type GroupVersionResource = Readonly<{ group: string; version: string; resource: string }>;

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export type AdmissionRequest = Readonly<{
  uid: string;
  kind: GroupVersionKind;
  resource: GroupVersionResource;
  /** `status`, `scale`, ...; empty for the object itself. */
  subResource: string;
  /** Empty where the API server is to make it up (`generateName`). */
  name: string;
  /** Empty for what lives in no namespace. */
  namespace: string;
  operation: AdmissionOperation;
  userInfo: Readonly<{ username: string; groups: readonly string[] }>;
  /** As the API server has it, of any shape; null on DELETE. */
  object: unknown;
  /** Null on CREATE. */
  oldObject: unknown;
  /** Nothing may change in the world because of this request. */
  dryRun: boolean;
}>;

export type AdmissionResponse = Readonly<{
  uid: string;
  allowed: boolean;
  /** Why not: shown to the user by kubectl. */
  status?: Readonly<{ code: number; message: string; reason?: string }>;
  /** A JSON patch (RFC 6902), base64 of its JSON. */
  patch?: string;
  patchType?: 'JSONPatch';
  /** Shown to the user by kubectl, whether allowed or not. */
  warnings?: readonly string[];
  auditAnnotations?: Readonly<Record<string, string>>;
}>;

export type AdmissionReview = Readonly<{
  apiVersion: AdmissionVersion;
  kind: 'AdmissionReview';
  request: AdmissionRequest;
  response?: AdmissionResponse;
}>;

/** One step of a JSON patch. */
export type PatchOperation = Readonly<
  { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string }
>;

/** A parsed JSON body as a review with a request, or everything that is wrong with it. */
export function parseAdmissionReview(body: unknown): Result<AdmissionReview> {
  if (!isRecord(body)) return fail([problem('', 'is no AdmissionReview: it must be an object')]);
  const problems: Problem[] = [];
  const { apiVersion, kind } = body;
  if (kind !== 'AdmissionReview') problems.push(problem('kind', `${show(kind)} is not AdmissionReview`));
  if (!isAdmissionVersion(apiVersion))
    problems.push(problem('apiVersion', `${show(apiVersion)} is not one of ${admissionVersions.join(', ')}`));
  const request = readRequest(body['request'], problems);
  if (problems.length > 0 || request === null || !isAdmissionVersion(apiVersion)) return fail(problems);
  return ok({ apiVersion, kind: 'AdmissionReview', request });
}

/** Lets the request pass unchanged. */
export function allow(review: AdmissionReview, warnings: readonly string[] = []): AdmissionReview {
  return respond(review, { allowed: true, ...withWarnings(warnings) });
}

/** Lets the request pass with a change; an empty patch is no change. */
export function patchWith(
  review: AdmissionReview,
  patch: readonly PatchOperation[],
  warnings: readonly string[] = [],
): AdmissionReview {
  if (patch.length === 0) return allow(review, warnings);
  const encoded = Buffer.from(JSON.stringify(patch)).toString('base64');
  return respond(review, { allowed: true, patch: encoded, patchType: 'JSONPatch', ...withWarnings(warnings) });
}

/**
 * Refuses the request. `code` is an HTTP status: 400 for an object that is wrong (of a 422 kubectl shows no reason but its own), 403
 * for what may not be.
 */
export function refuse(
  review: AdmissionReview,
  message: string,
  { code = 400, warnings = [] }: Readonly<{ code?: number; warnings?: readonly string[] }> = {},
): AdmissionReview {
  const reason = code === 403 ? 'Forbidden' : 'BadRequest';
  return respond(review, { allowed: false, status: { code, message, reason }, ...withWarnings(warnings) });
}

/** What goes back to the API server: the answer alone, without the request. */
export function encodeAdmissionReview({ apiVersion, kind, response }: AdmissionReview): string {
  return JSON.stringify({ apiVersion, kind, response });
}

const admissionVersions: readonly AdmissionVersion[] = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];
const operations: readonly AdmissionOperation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

function respond(review: AdmissionReview, response: Omit<AdmissionResponse, 'uid'>): AdmissionReview {
  return { ...review, response: { uid: review.request.uid, ...response } };
}

function withWarnings(warnings: readonly string[]): Pick<AdmissionResponse, 'warnings'> {
  return warnings.length === 0 ? {} : { warnings };
}

function readRequest(value: unknown, problems: Problem[]): AdmissionRequest | null {
  if (!isRecord(value)) {
    problems.push(problem('request', 'is required, must be an object'));
    return null;
  }
  const { uid, operation, userInfo } = value;
  if (typeof uid !== 'string' || uid === '') problems.push(problem('request.uid', 'is required, must be a string'));
  if (!isOperation(operation))
    problems.push(problem('request.operation', `${show(operation)} is not one of ${operations.join(', ')}`));
  const [kind, resource] = [record(value['kind']), record(value['resource'])];
  if (text(kind['kind']) === '') problems.push(problem('request.kind.kind', 'is required, must be a string'));
  if (typeof uid !== 'string' || !isOperation(operation)) return null;
  const user = record(userInfo);
  return {
    uid,
    kind: { group: text(kind['group']), version: text(kind['version']), kind: text(kind['kind']) },
    resource: {
      group: text(resource['group']),
      version: text(resource['version']),
      resource: text(resource['resource']),
    },
    subResource: text(value['subResource']),
    name: text(value['name']),
    namespace: text(value['namespace']),
    operation,
    userInfo: { username: text(user['username']), groups: texts(user['groups']) },
    object: value['object'] ?? null,
    oldObject: value['oldObject'] ?? null,
    dryRun: value['dryRun'] === true,
  };
}

function isAdmissionVersion(value: unknown): value is AdmissionVersion {
  return admissionVersions.some((version) => version === value);
}

function isOperation(value: unknown): value is AdmissionOperation {
  return operations.some((operation) => operation === value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const record = (value: unknown) => (isRecord(value) ? value : {});
const text = (value: unknown) => (typeof value === 'string' ? value : '');
const texts = (value: unknown) =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value));
