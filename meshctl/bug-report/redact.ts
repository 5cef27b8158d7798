/**
 * Takes secrets out of what goes into a report: it is made to be sent to strangers. What is redacted says so, so that its presence can
 * still be seen.
 */
const redacted = '[redacted]';

/** Names of members that hold secrets wherever they stand. Certificates are no secrets. */
const secretName =
  /^(?:.*token|.*password|.*passwd|.*secret|.*private.?key|.*api.?key|.*credentials?|authorization|cookie|set-cookie)$/i;
/** Names that only look like it: a name or a path of a secret, or a setting of one. */
const harmlessName =
  /name$|^automountServiceAccountToken$|^serviceAccountToken$|^imagePullSecrets?$|^secret$|^secrets$/i;

/** An object without secrets: data of Secrets, values of variables and members with telling names, keys and tokens in any text. */
export function redactObject(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactObject);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Readonly<Record<string, unknown>>;
  const isSecret = object['kind'] === 'Secret';
  return Object.fromEntries(
    Object.entries(object).map(([name, member]) => {
      if (isSecret && (name === 'data' || name === 'stringData')) return [name, redactValues(member)];
      if (name === 'value' && typeof object['name'] === 'string' && isSecretName(object['name']))
        return [name, redacted];
      if (typeof member === 'string' && isSecretName(name)) return [name, redacted];
      return [name, redactObject(member)];
    }),
  );
}

const isSecretName = (name: string) => secretName.test(name) && !harmlessName.test(name);

/** Every value, names stay. */
function redactValues(member: unknown): unknown {
  if (typeof member !== 'object' || member === null) return redacted;
  return Object.fromEntries(Object.keys(member).map((name) => [name, redacted]));
}

const patterns: readonly Readonly<{ pattern: RegExp; by: string }>[] = [
  {
    pattern: /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g,
    by: `-----BEGIN $1-----${redacted}-----END $1-----`,
  },
  // Three parts of a JSON Web Token; the first two begin with `{"`.
  { pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/g, by: redacted },
  { pattern: /\b(bearer|basic) +[\w.~+/=-]{8,}/gi, by: `$1 ${redacted}` },
  { pattern: /((?:token|password|secret|api[-_]?key)["']?\s*[:=]\s*["']?)[^\s"',;&]{6,}/gi, by: `$1${redacted}` },
  // User and password of a URL.
  { pattern: /([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]+:[^\s/@]+@/gi, by: `$1${redacted}@` },
];

/** A text without private keys, tokens and passwords. */
export function redactText(text: string): string {
  return patterns.reduce((left, { pattern, by }) => left.replaceAll(pattern, by), text);
}
