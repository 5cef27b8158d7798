import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { formatSpiffeId, parseSpiffeId, type SpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { createPrivateFile, readPrivateFile } from '#shared/x509/private-file.ts';

/**
 * Join tokens: how a workload outside Kubernetes shows who it is, once, until it has a certificate. A token is a JWT
 * that this control plane alone makes and reads, with HMAC-SHA-256 under a key of its own. Its header is one constant
 * and is compared as a whole: nothing in a token chooses how it is checked.
 */

/** What a token says. Times are seconds since the epoch, as JWTs have them. */
export type JoinTokenClaims = SpiffeId & Readonly<{ aud: string; exp: number; iat: number; jti: string }>;

/** A token that was made. */
export type JoinToken = Readonly<{ token: Secret; id: string; /** Milliseconds since the epoch. */ expiresAt: number }>;

/** What tokens are made and read with; the key is asked for each time, since it may be replaced. */
export type JoinTokenOptions = Readonly<{
  key: () => Buffer;
  trustDomain: string;
  audience: string;
  clock: Clock;
}>;

const header = toBase64Url(Buffer.from('{"alg":"HS256","typ":"tulle-join+jwt"}'));
const defaultLifeMs = 3_600_000;
const maxLifeMs = 24 * 3_600_000;
const maxTokenChars = 4096;
/** How far ahead the clock of another replica of the control plane may be. */
const leewaySeconds = 60;
const keyBytes = 32;

/** The key of the join tokens in a folder, made on the first start. */
export async function openJoinTokenKey(folder: string): Promise<Buffer> {
  const path = join(folder, 'join-token.key');
  if ((await readPrivateFile(path)) === null)
    await createPrivateFile(path, `${randomBytes(keyBytes).toString('base64')}\n`);
  const key = Buffer.from((await readPrivateFile(path)) ?? '', 'base64');
  if (key.length === keyBytes) return key;
  throw new MeshError('certificate', `${path} does not hold ${keyBytes} bytes in base64`, { facts: { path } });
}

/** Whether a bearer token claims to be a join token, so that others are left to other attestors. */
export function isJoinToken(token: string): boolean {
  return token.startsWith(`${header}.`);
}

/** Makes and verifies join tokens. */
export class JoinTokens {
  readonly #options: JoinTokenOptions;

  constructor(options: JoinTokenOptions) {
    this.#options = options;
  }

  /** A token for one service account. */
  mint(account: Omit<SpiffeId, 'trustDomain'>, lifeMs: number = defaultLifeMs): Result<JoinToken> {
    if (!(lifeMs >= 1000 && lifeMs <= maxLifeMs))
      return fail([problem('life', `${lifeMs} ms is not within 1 s and ${maxLifeMs / 1000} s`, 'token_life')]);
    const { trustDomain, audience, clock } = this.#options;
    const identity = parseSpiffeId(formatSpiffeId({ trustDomain, ...account }));
    if (!identity.ok) return identity;
    const iat = Math.floor(clock.now() / 1000);
    const exp = iat + Math.floor(lifeMs / 1000);
    const claims: JoinTokenClaims = { ...identity.value, aud: audience, exp, iat, jti: randomUUID() };
    const body = `${header}.${toBase64Url(Buffer.from(JSON.stringify(claims)))}`;
    const token = new Secret(`${body}.${toBase64Url(this.#mac(body))}`);
    return ok({ token, id: claims.jti, expiresAt: exp * 1000 });
  }

  /** What a token says, if it is ours and good now. */
  verify(token: string): Result<JoinTokenClaims> {
    const refuse = (code: string, message: string) => fail<JoinTokenClaims>([problem('token', message, code)]);
    if (token.length > maxTokenChars) return refuse('token_malformed', `longer than ${maxTokenChars} characters`);
    const [head, payload, mac, ...rest] = token.split('.');
    if (head === undefined || payload === undefined || mac === undefined || rest.length > 0)
      return refuse('token_malformed', 'not three parts');
    if (head !== header) return refuse('token_algorithm', 'not a join token: its header is another');
    if (!this.#isSigned(`${head}.${payload}`, mac))
      return refuse('token_signature', 'not signed by this control plane');
    const claims = parseClaims(payload);
    if (claims === undefined) return refuse('token_claims', 'claims are missing or malformed');
    const problems = this.#checkClaims(claims);
    return problems.length > 0 ? fail(problems) : ok(claims);
  }

  #checkClaims(claims: JoinTokenClaims): Problem[] {
    const { trustDomain, audience, clock } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const problems: Problem[] = [];
    const check = (isGood: boolean, code: string, message: string) => {
      if (!isGood) problems.push(problem('token', message, code));
    };
    check(claims.exp > now, 'token_expired', `expired at ${new Date(claims.exp * 1000).toISOString()}`);
    check(claims.iat <= now + leewaySeconds, 'token_not_yet_valid', 'made in the future');
    check(claims.exp - claims.iat <= maxLifeMs / 1000, 'token_life', 'lives longer than any token may');
    check(claims.aud === audience, 'token_audience', `for ${claims.aud}, not for ${audience}`);
    check(claims.trustDomain === trustDomain, 'token_trust_domain', `of ${claims.trustDomain}, not of ${trustDomain}`);
    return problems;
  }

  #isSigned(body: string, mac: string): boolean {
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(body);
    return toBase64Url(given) === mac && given.length === expected.length && timingSafeEqual(given, expected);
  }

  #mac(body: string): Buffer {
    return createHmac('sha256', this.#options.key()).update(body).digest();
  }
}

/** The dates of a signed token are bounded, so that naming them in a problem cannot fail. */
const maxSeconds = 8_640_000_000_000;

function parseClaims(payload: string): JoinTokenClaims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (name: string) => {
    const field = fields.get(name);
    return typeof field === 'string' && field !== '' ? field : undefined;
  };
  const seconds = (name: string) => {
    const field = fields.get(name);
    return typeof field === 'number' && Number.isInteger(field) && field >= 0 && field <= maxSeconds
      ? field
      : undefined;
  };
  const [trustDomain, namespace, serviceAccount] = ['trustDomain', 'namespace', 'serviceAccount'].map(text);
  const [aud, jti, exp, iat] = [text('aud'), text('jti'), seconds('exp'), seconds('iat')];
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) return undefined;
  if (aud === undefined || jti === undefined || exp === undefined || iat === undefined) return undefined;
  return { trustDomain, namespace, serviceAccount, aud, exp, iat, jti };
}

function toBase64Url(bytes: Buffer): string {
  return bytes.toString('base64url');
}
