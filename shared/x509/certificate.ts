import { X509Certificate } from 'node:crypto';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import { DerReader, readDer } from './der-reader.ts';
import { contextTag, tags } from './der-writer.ts';
import { oids } from './oids.ts';
import { decodePem } from './pem.ts';
import { readSubjectAltNames, type SubjectAltNames } from './subject-alt-names.ts';

/**
 * Reads certificates. Names and extensions are taken from the DER by our own strict reader, never from the texts that
 * Node makes of them: a quoted `subjectAltName` text is where names were injected before (CVE-2021-44532). Signatures
 * are left to node:crypto. Bytes come in, values go out; nothing is kept.
 */

/** One extension, its value still DER. */
export type Extension = Readonly<{ isCritical: boolean; value: Buffer }>;

/** What Tulle reads in a certificate. Times are milliseconds since the epoch, `issuer`, `subject` and `spki` DER. */
export type Certificate = Readonly<{
  raw: Buffer;
  x509: X509Certificate;
  /** Lower-case hex. */
  serial: string;
  signatureAlgorithm: string;
  issuer: Buffer;
  subject: Buffer;
  spki: Buffer;
  notBefore: number;
  notAfter: number;
  extensions: ReadonlyMap<string, Extension>;
  names: SubjectAltNames;
  /** The basic constraints, if it is an authority's. */
  authority: Readonly<{ pathLength: number }> | null;
  /** Whether it may sign certificates: no key usage, or one with keyCertSign. */
  maySign: boolean;
  /** Object identifiers of the extended key usage; null: any. */
  extendedKeyUsage: readonly string[] | null;
}>;

const noNames: SubjectAltNames = { uris: [], dnsNames: [], ipAddresses: [] };

/** Reads one certificate from DER. */
export function parseCertificate(raw: Buffer, path: string): Result<Certificate> {
  return readDer(path, 'certificate_der', () => {
    const fields = readFields(raw);
    const x509 = importCertificate(raw);
    return x509 === undefined
      ? fail([problem(path, 'not a certificate that OpenSSL takes', 'certificate_der')])
      : ok({ ...fields, x509 });
  });
}

/** Reads the certificates of a PEM text, at least one. */
export function parseCertificates(pem: string, path: string): Result<[Certificate, ...Certificate[]]> {
  const blocks = decodePem(pem, 'CERTIFICATE', path);
  if (!blocks.ok) return blocks;
  const results = blocks.value.map((raw, index) => parseCertificate(raw, `${path}[${index}]`));
  const [first, ...rest] = results.flatMap((result) => (result.ok ? [result.value] : []));
  const problems = results.flatMap((result) => (result.ok ? [] : result.problems));
  return first === undefined || problems.length > 0 ? fail(problems) : ok([first, ...rest]);
}

/** The URI names of a certificate in DER; none when it or the extension is malformed, so that no identity is read. */
export function uriSans(raw: Buffer): string[] {
  const fields = readDer('', 'certificate_der', () => ok(readFields(raw)));
  return fields.ok ? [...fields.value.names.uris] : [];
}

function readFields(raw: Buffer): Omit<Certificate, 'x509'> {
  const outer = new DerReader(raw);
  const certificate = outer.inside('certificate');
  outer.end('certificate');
  const body = certificate.inside('tbsCertificate');
  const signatureAlgorithm = certificate.inside('signature algorithm').oid('signature algorithm');
  certificate.bitString('signature');
  certificate.end('certificate');
  body.optional(contextTag(0, 'constructed'), 'version');
  const serial = body.integer('serial').toString('hex');
  body.value(tags.sequence, 'signature');
  const issuer = body.value(tags.sequence, 'issuer').raw;
  const validity = body.inside('validity');
  const notBefore = readTime(validity, 'notBefore');
  const notAfter = readTime(validity, 'notAfter');
  const subject = body.value(tags.sequence, 'subject').raw;
  const spki = body.value(tags.sequence, 'public key').raw;
  body.optional(contextTag(1, 'primitive'), 'issuerUniqueID');
  body.optional(contextTag(2, 'primitive'), 'subjectUniqueID');
  const extensions = readExtensions(body);
  body.end('tbsCertificate');
  const times = { notBefore, notAfter };
  return { raw, serial, signatureAlgorithm, issuer, subject, spki, ...times, extensions, ...readKnown(extensions) };
}

/** A repeated extension is malformed (RFC 5280 section 4.2): else two readers could take different ones. */
function readExtensions(body: DerReader): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>();
  const list = body.optional(contextTag(3, 'constructed'), 'extensions');
  if (list === undefined) return found;
  const outer = new DerReader(list.content);
  const extensions = outer.inside('extensions');
  outer.end('extensions');
  while (!extensions.isAtEnd) {
    const extension = extensions.inside('extension');
    const oid = extension.oid('extension');
    const isCritical = extension.optionalTrue(`critical of ${oid}`);
    const value = extension.value(tags.octetString, `value of ${oid}`).content;
    extension.end(`extension ${oid}`);
    if (found.has(oid)) extensions.malformed(`extension ${oid} stands twice`);
    found.set(oid, { isCritical, value });
  }
  return found;
}

function readKnown(extensions: ReadonlyMap<string, Extension>) {
  const value = (oid: string) => extensions.get(oid)?.value;
  const alternatives = value(oids.subjectAltName);
  const constraints = value(oids.basicConstraints);
  const usage = value(oids.keyUsage);
  const extended = value(oids.extendedKeyUsage);
  return {
    names: alternatives === undefined ? noNames : readSubjectAltNames(alternatives),
    authority: constraints === undefined ? null : readConstraints(constraints),
    // keyUsage: unused-bits byte, then keyCertSign as bit 5 of the first byte.
    maySign:
      usage === undefined || ((new DerReader(usage).value(tags.bitString, 'key usage').content[1] ?? 0) & 4) !== 0,
    extendedKeyUsage: extended === undefined ? null : readPurposes(extended),
  };
}

function readConstraints(value: Buffer): { pathLength: number } | null {
  const constraints = new DerReader(value).inside('basicConstraints');
  const isAuthority = constraints.optionalTrue('cA');
  const limit = constraints.isAtEnd ? undefined : constraints.integer('pathLen');
  constraints.end('basicConstraints');
  return isAuthority ? { pathLength: limit === undefined ? Number.POSITIVE_INFINITY : limit.readIntBE(0, 1) } : null;
}

function readPurposes(value: Buffer): string[] {
  const purposes = new DerReader(value).inside('extendedKeyUsage');
  const found: string[] = [];
  while (!purposes.isAtEnd) found.push(purposes.oid('purpose'));
  return found;
}

function readTime(validity: DerReader, what: string): number {
  const { tag, content } = validity.any(what);
  const text = content.toString('latin1');
  const isShort = tag === tags.utcTime;
  // UTCTime has two digits of the year: from 50 on they mean the twentieth century.
  const full = isShort ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (match === null || (!isShort && tag !== tags.generalizedTime)) return validity.malformed(`${what}: not a time`);
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? validity.malformed(`${what}: no such time`) : time;
}

function importCertificate(raw: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(raw);
  } catch {
    return undefined;
  }
}
