import { parseSpiffeId, formatSpiffeId, type SpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import { parseCsr } from '#shared/x509/csr.ts';
import { backdateMs, issueServerLeaf, issueWorkloadLeaf, newSerial } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import { IssuedLog, type IssuedRecord } from './issued-log.ts';
import type { AuthorityKeys } from './key-store.ts';

/**
 * The certificate authority. A CSR and an identity that an attestor vouches for come in; a chain goes out, leaf first,
 * root last. Of the CSR only the key is used: the name in the certificate is the attested one, whatever the CSR wishes.
 * The authority owns its counters and the log of what it issued; keys belong to the key store, identities to `attestors/`.
 *
 *   CreateCertificate -> certificate-service -> attestors -> Authority.sign -> chain
 *                                               (identity)   (CSR's key)
 */

/** A certificate that was signed. Times are milliseconds since the epoch. */
export type IssuedCertificate = IssuedRecord & Readonly<{ chain: readonly string[]; notBefore: number }>;

/** What the authority counts, since its start. */
export type AuthorityCounters = Readonly<{ issued: number; refused: number; serverIssued: number }>;

/** What an authority is made of. */
export type AuthorityOptions = Readonly<{
  /** What it signs with from now on; the whole value changes when the authority is replaced. */
  keys: Watch<AuthorityKeys>;
  trustDomain: string;
  clock: Clock;
  /** How many issued certificates are remembered for the admin API. */
  logSize?: number | undefined;
}>;

/** Lives of workload certificates, as Istio's authority has them. */
export const defaultTtlMs = 24 * 3_600_000;
const minTtlMs = 30_000;
const maxTtlMs = 90 * 24 * 3_600_000;

/** See the head of the file. */
export class Authority {
  readonly trustDomain: string;
  readonly keys: Watch<AuthorityKeys>;
  readonly #clock: Clock;
  readonly #log: IssuedLog;
  #above: Above;
  #issued = 0;
  #refused = 0;
  #serverIssued = 0;

  constructor({ keys, trustDomain, clock, logSize = 1000 }: AuthorityOptions) {
    this.keys = keys;
    this.trustDomain = trustDomain;
    this.#clock = clock;
    this.#log = new IssuedLog(logSize);
    this.#above = toAbove(keys.current());
    keys.subscribe((next) => {
      this.#above = toAbove(next);
    });
  }

  /** Every root that the mesh trusts, in PEM. */
  get rootsPem(): string {
    return this.keys
      .current()
      .roots.map(({ raw }) => encodePem('CERTIFICATE', raw))
      .join('');
  }

  /** When the first of the certificates above a leaf expires. */
  get expiresAt(): number {
    return this.#above.expiresAt;
  }

  /** A certificate for an attested identity and the key of the CSR; a `ttlMs` of 0 or less means the default. */
  sign(csrPem: string, identity: SpiffeId, ttlMs: number): Result<IssuedCertificate> {
    const result = this.#sign(csrPem, identity, ttlMs);
    if (result.ok) this.#issued++;
    else this.#refused++;
    return result;
  }

  /** The chain of a server's certificate for a key of ours. */
  issueServer(
    names: Readonly<{ dnsNames: readonly string[]; addresses: readonly string[] }>,
    spki: Buffer,
    ttlMs: number,
  ): Omit<IssuedCertificate, 'spiffeId'> {
    const request = { spki, ...this.#nextCertificate(ttlMs) };
    const chain = this.#toChain(issueServerLeaf(this.keys.current().issuer, request, names));
    this.#serverIssued++;
    return { chain, serial: request.serial.toString('hex'), notBefore: request.notBefore, notAfter: request.notAfter };
  }

  counters(): AuthorityCounters {
    return { issued: this.#issued, refused: this.#refused, serverIssued: this.#serverIssued };
  }

  /** The workload certificates that were issued last, oldest first. */
  issued(): readonly IssuedRecord[] {
    return this.#log.records();
  }

  #sign(csrPem: string, identity: SpiffeId, ttlMs: number): Result<IssuedCertificate> {
    const csr = parseCsr(csrPem);
    const problems = [...this.#checkIdentity(identity), ...checkTtl(ttlMs), ...(csr.ok ? [] : csr.problems)];
    if (!csr.ok || problems.length > 0) return fail(problems);
    const request = { spki: csr.value.publicKey.spki, ...this.#nextCertificate(ttlMs > 0 ? ttlMs : defaultTtlMs) };
    const spiffeId = formatSpiffeId(identity);
    const chain = this.#toChain(issueWorkloadLeaf(this.keys.current().issuer, request, spiffeId));
    const record = { serial: request.serial.toString('hex'), spiffeId, notAfter: request.notAfter };
    this.#log.add(record);
    return ok({ ...record, chain, notBefore: request.notBefore });
  }

  #checkIdentity(identity: SpiffeId) {
    if (identity.trustDomain !== this.trustDomain)
      return [
        problem('identity', `trust domain ${identity.trustDomain} is not ${this.trustDomain}`, 'identity_domain'),
      ];
    const roundTrip = parseSpiffeId(formatSpiffeId(identity));
    return roundTrip.ok ? [] : roundTrip.problems;
  }

  /** Serial and times; no leaf outlives what signed it. */
  #nextCertificate(ttlMs: number): Readonly<{ serial: Buffer; notBefore: number; notAfter: number }> {
    const now = this.#clock.now();
    const notAfter = toSeconds(Math.min(now + ttlMs, this.#above.expiresAt));
    if (notAfter <= now) throw new MeshError('certificate', 'the authority itself has expired');
    return { serial: newSerial(), notBefore: toSeconds(now - backdateMs), notAfter };
  }

  #toChain(leaf: Buffer): readonly string[] {
    return [encodePem('CERTIFICATE', leaf), ...this.#above.pems];
  }
}

/** What stands above every leaf: intermediates and root, and when the first of them expires. */
type Above = Readonly<{ pems: readonly string[]; expiresAt: number }>;

function toAbove({ intermediates, roots }: AuthorityKeys): Above {
  const above = [...intermediates, roots[0]];
  return {
    pems: above.map(({ raw }) => encodePem('CERTIFICATE', raw)),
    expiresAt: Math.min(...above.map(({ notAfter }) => notAfter)),
  };
}

function checkTtl(ttlMs: number) {
  if (ttlMs > maxTtlMs)
    return [
      problem('validity_duration', `${ttlMs / 1000} s is above the maximum of ${maxTtlMs / 1000} s`, 'ttl_above'),
    ];
  if (ttlMs > 0 && ttlMs < minTtlMs)
    return [
      problem('validity_duration', `${ttlMs / 1000} s is below the minimum of ${minTtlMs / 1000} s`, 'ttl_below'),
    ];
  return [];
}

/** Certificates know whole seconds. */
function toSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000) * 1000;
}
