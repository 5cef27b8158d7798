import { Field, isRecord } from './field.ts';
import { knownFieldsOf, validateSpec, type SchemaError, type SchemaKind } from './istio-schemas.ts';
import type { Report } from './report.ts';
import { refuseUnknownFields } from './unknown-fields.ts';

/** Groups of fields of which one at most may be set; the schemas say so with `oneOf`, which names nothing. */
const exclusiveGroups: readonly (readonly string[])[] = [
  ['exact', 'prefix', 'regex'],
  ['httpStatus', 'grpcStatus', 'http2Error'],
  ['fixedDelay', 'exponentialDelay'],
  ['string', 'bytes'],
  ['simple', 'consistentHash'],
  ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
  ['ringHash', 'maglev'],
  ['httpGet', 'tcpSocket', 'exec', 'grpc'],
  ['port', 'derivePort'],
];

/** Reports what the schema of a kind refuses in a spec, and every field that it does not know. */
export function checkSchema(kind: SchemaKind, spec: Field, report: Report): void {
  if (!spec.isObject) {
    report.refuse(spec, spec.isSet ? `is ${describeType(spec.value)}, must be an object` : 'is required');
    return;
  }
  for (const error of withoutEchoes(validateSpec(kind, spec.value))) reportError(error, spec, report);
  refuseUnknownFields(spec, knownFieldsOf(kind), report);
}

/** A value of a wrong type, and a `oneOf` that does not hold, show as several errors at one path: keep the telling one. */
function withoutEchoes(errors: readonly SchemaError[]): readonly SchemaError[] {
  const mistyped = new Set(errors.filter(({ keyword }) => keyword === 'type').map(({ instancePath }) => instancePath));
  const combining = new Set(['not', 'oneOf', 'anyOf', 'allOf', 'enum', 'format']);
  return errors.filter(
    ({ keyword, instancePath }) => keyword !== 'not' && !(combining.has(keyword) && mistyped.has(instancePath)),
  );
}

function reportError({ instancePath, keyword, params, message }: SchemaError, spec: Field, report: Report): void {
  const field = resolvePointer(spec, instancePath);
  if (keyword === 'required') report.refuse(field.get(String(params['missingProperty'])), 'is required');
  else report.refuse(field, describe(keyword, params, field.value) ?? message ?? `fails ${keyword}`);
}

function describe(keyword: string, params: SchemaError['params'], value: unknown): string | undefined {
  switch (keyword) {
    case 'type':
      return `is ${typeof value === 'number' ? value : describeType(value)}, must be ${withArticle(String(params['type']))}`;
    case 'enum':
      return `${JSON.stringify(value)} is not one of ${toList(params['allowedValues'])}`;
    case 'minimum':
      return `${String(value)} is too small, must be at least ${String(params['limit'])}`;
    case 'maximum':
      return `${String(value)} is too large, must be at most ${String(params['limit'])}`;
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return params['limit'] === 1 ? 'must not be empty' : `must have at least ${String(params['limit'])} entries`;
    case 'maxLength':
      return `is too long, must have at most ${String(params['limit'])} characters`;
    case 'maxItems':
    case 'maxProperties':
      return `must have at most ${String(params['limit'])} entries`;
    case 'pattern':
      return `${JSON.stringify(value)} does not match ${String(params['pattern'])}`;
    case 'oneOf':
    case 'anyOf':
      return describeExclusion(value);
    default:
      return undefined;
  }
}

function describeExclusion(value: unknown): string {
  const names = isRecord(value) ? Object.keys(value) : [];
  const groups = exclusiveGroups.map((group) => group.filter((name) => names.includes(name)));
  const group = groups.find((set) => set.length > 1) ?? names;
  return `${group.join(' and ')} exclude each other, set one of them`;
}

/** The field at a JSON pointer that begins with `/spec`. */
function resolvePointer(spec: Field, pointer: string): Field {
  const names = pointer
    .split('/')
    .slice(2)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  let field = spec;
  for (const name of names) {
    const { path, value } = field;
    field = Array.isArray(value) ? new Field(`${path}[${name}]`, value[Number(name)]) : field.get(name);
  }
  return field;
}

/** What a value is, in words: `a string`, `null`, `a list`. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : withArticle(typeof value);
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function toList(values: unknown): string {
  return Array.isArray(values) ? values.map(String).join(', ') : String(values);
}
