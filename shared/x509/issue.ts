import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import { DerReader } from './der-reader.ts';
import {
  contextTag,
  encodeBitString,
  encodedTrue,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeTime,
  encodeUnsigned,
  encodeValue,
  tags,
} from './der-writer.ts';
import { oids, signatureAlgorithms, type SignatureAlgorithm } from './oids.ts';
import { encodeServerNames, encodeUriNames } from './subject-alt-names.ts';

/**
 * Makes certificates: plain functions from a request to DER, signed by node:crypto. Everything that is the same in each
 * leaf of an issuer is encoded once. Who may have which name is decided by the caller.
 */

/** Whoever signs: a certificate of an authority and its key. */
export type Issuer = Readonly<{ certificate: Certificate; key: KeyObject }>;

/** What one leaf is to say. Times are milliseconds since the epoch and are cut to whole seconds. */
export type LeafRequest = Readonly<{ spki: Buffer; serial: Buffer; notBefore: number; notAfter: number }>;

/** Certificates are valid from this long before they are made, for peers whose clock is behind. */
export const backdateMs = 2 * 60_000;

const version3 = encodeValue(contextTag(0, 'constructed'), encodeUnsigned(Buffer.of(2)));
const emptyName = encodeSequence();
const leafExtensions = Buffer.concat([
  // digitalSignature: bit 0, so 7 bits of the byte are unused.
  encodeExtension(oids.keyUsage, encodeBitString(Buffer.of(0x80), 7), true),
  encodeExtension(oids.extendedKeyUsage, encodeSequence(encodeOid(oids.serverAuth), encodeOid(oids.clientAuth)), false),
  encodeExtension(oids.basicConstraints, encodeSequence(), true),
]);
const authorityExtensions = Buffer.concat([
  encodeExtension(oids.basicConstraints, encodeSequence(encodedTrue), true),
  // keyCertSign and cRLSign: bits 5 and 6.
  encodeExtension(oids.keyUsage, encodeBitString(Buffer.of(0x06), 1), true),
]);

/** A serial of 16 random bytes: positive, and never shorter. */
export function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** A workload's certificate: empty subject, so that the SPIFFE ID as its only name is critical (RFC 5280 4.2.1.6). */
export function issueWorkloadLeaf(issuer: Issuer, request: LeafRequest, spiffeId: string): Buffer {
  return issueLeaf(issuer, request, encodeUriNames([spiffeId]));
}

/** A server's certificate for DNS names and addresses. */
export function issueServerLeaf(
  issuer: Issuer,
  request: LeafRequest,
  names: Readonly<{ dnsNames: readonly string[]; addresses: readonly string[] }>,
): Buffer {
  return issueLeaf(issuer, request, encodeServerNames(names.dnsNames, names.addresses));
}

/** A self-signed root. */
export function issueRoot(
  key: Readonly<{ privateKey: KeyObject; publicKey: KeyObject }>,
  request: Omit<LeafRequest, 'spki'> & Readonly<{ organization: string; commonName: string }>,
): Buffer {
  const spki = key.publicKey.export({ format: 'der', type: 'spki' });
  const name = encodeName(request.organization, request.commonName);
  return issueAuthority({ key: key.privateKey, name, keyId: toKeyId(spki) }, { ...request, spki }, name);
}

/** A certificate for an authority below `issuer`. */
export function issueIntermediate(
  issuer: Issuer,
  request: LeafRequest & Readonly<{ organization: string; commonName: string }>,
): Buffer {
  return issueAuthority(toSigner(issuer), request, encodeName(request.organization, request.commonName));
}

type Signer = Readonly<{ key: KeyObject; name: Buffer; keyId: Buffer }>;

function issueAuthority(signer: Signer, request: LeafRequest, subject: Buffer): Buffer {
  const extensions = Buffer.concat([authorityExtensions, encodeKeyIds(request.spki, signer.keyId)]);
  return signCertificate(signer, request, subject, extensions);
}

function issueLeaf(issuer: Issuer, request: LeafRequest, names: Buffer): Buffer {
  const signer = toSigner(issuer);
  const extensions = Buffer.concat([
    leafExtensions,
    encodeKeyIds(request.spki, signer.keyId),
    encodeExtension(oids.subjectAltName, names, true),
  ]);
  return signCertificate(signer, request, emptyName, extensions);
}

function signCertificate(signer: Signer, request: LeafRequest, subject: Buffer, extensions: Buffer): Buffer {
  const algorithm = signatureAlgorithmOf(signer.key);
  const algorithmId = encodeAlgorithm(algorithm);
  const body = encodeSequence(
    version3,
    encodeUnsigned(request.serial),
    algorithmId,
    signer.name,
    encodeSequence(encodeTime(request.notBefore), encodeTime(request.notAfter)),
    subject,
    request.spki,
    encodeValue(contextTag(3, 'constructed'), encodeSequence(extensions)),
  );
  return encodeSequence(body, algorithmId, encodeBitString(sign(algorithm.hash, body, signer.key)));
}

/** The key identifier of the issuer is the one that its own certificate carries, however that was made. */
function toSigner({ certificate, key }: Issuer): Signer {
  const own = certificate.extensions.get(oids.subjectKeyIdentifier);
  const keyId = own === undefined ? toKeyId(certificate.spki) : new DerReader(own.value).any('key id').content;
  return { key, name: certificate.subject, keyId };
}

function encodeKeyIds(spki: Buffer, issuerKeyId: Buffer): Buffer {
  const authority = encodeSequence(encodeValue(contextTag(0, 'primitive'), issuerKeyId));
  return Buffer.concat([
    encodeExtension(oids.subjectKeyIdentifier, encodeOctetString(toKeyId(spki)), false),
    encodeExtension(oids.authorityKeyIdentifier, authority, false),
  ]);
}

/** RFC 7093, method 1: the first 160 bits of the SHA-256 of the key's bits. */
function toKeyId(spki: Buffer): Buffer {
  const info = new DerReader(spki).inside('public key');
  info.inside('key algorithm');
  return createHash('sha256').update(info.bitString('key bits')).digest().subarray(0, 20);
}

function encodeExtension(oid: string, value: Buffer, isCritical: boolean): Buffer {
  const parts = isCritical ? [encodedTrue, encodeOctetString(value)] : [encodeOctetString(value)];
  return encodeSequence(encodeOid(oid), ...parts);
}

function encodeName(organization: string, commonName: string): Buffer {
  const attribute = (oid: string, text: string) =>
    encodeValue(tags.set, encodeSequence(encodeOid(oid), encodeValue(tags.utf8String, Buffer.from(text))));
  return encodeSequence(attribute(oids.organization, organization), attribute(oids.commonName, commonName));
}

/** RSA's identifiers carry an explicit NULL (RFC 4055), those of ECDSA nothing. */
function encodeAlgorithm({ oid, family }: SignatureAlgorithm): Buffer {
  return encodeSequence(encodeOid(oid), ...(family === 'rsa' ? [encodeValue(tags.null)] : []));
}

function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const family = key.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec';
  const hash = curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256';
  const found = signatureAlgorithms.find((one) => one.family === family && one.hash === hash);
  if (found === undefined)
    throw new MeshError('unsupported', `no signature algorithm for ${key.asymmetricKeyType} keys`);
  return found;
}

/** Reads back a certificate that was just made. */
export function toCertificate(der: Buffer): Certificate {
  const parsed = parseCertificate(der, 'certificate');
  if (!parsed.ok) throw new MeshError('certificate', formatProblems(parsed.problems));
  return parsed.value;
}
