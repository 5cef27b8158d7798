import { sign, verify, type KeyObject } from 'node:crypto';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import { DerReader, readDer } from './der-reader.ts';
import {
  contextTag,
  encodeBitString,
  encodeOctetString,
  encodeOid,
  encodedTrue,
  encodeSequence,
  encodeUnsigned,
  encodeValue,
  tags,
} from './der-writer.ts';
import { oids, signatureAlgorithms } from './oids.ts';
import { decodePem, encodePem } from './pem.ts';
import { readPublicKey, type PublicKey } from './public-key.ts';
import { encodeUriNames } from './subject-alt-names.ts';

/** A certificate signing request whose own signature holds: the sender has the key. Its names are nobody's word. */
export type Csr = Readonly<{ publicKey: PublicKey }>;

const label = 'CERTIFICATE REQUEST';
/** An RSA-8192 request of Istio's agent is under 4 KiB. */
const maxCsrChars = 16_384;
const attributesTag = contextTag(0, 'constructed');
const ecdsaWithSha256 = encodeSequence(encodeOid('1.2.840.10045.4.3.2'));

/** A request in PEM for a P-256 key, with an empty subject and the SPIFFE ID as a wish in its SAN. */
export function createCsr(key: Readonly<{ privateKey: KeyObject; publicKey: KeyObject }>, spiffeId?: string): string {
  const body = encodeSequence(
    encodeUnsigned(Buffer.of(0)),
    encodeSequence(),
    key.publicKey.export({ format: 'der', type: 'spki' }),
    encodeValue(attributesTag, ...(spiffeId === undefined ? [] : [encodeWish(spiffeId)])),
  );
  const signature = encodeBitString(sign('sha256', body, key.privateKey));
  return encodePem(label, encodeSequence(body, ecdsaWithSha256, signature));
}

function encodeWish(spiffeId: string): Buffer {
  const name = encodeOctetString(encodeUriNames([spiffeId]));
  const extension = encodeSequence(encodeOid(oids.subjectAltName), encodedTrue, name);
  return encodeSequence(encodeOid(oids.extensionRequest), encodeValue(tags.set, encodeSequence(extension)));
}

/** Reads a request in PEM and checks its signature by its own key. */
export function parseCsr(pem: string, path = 'csr'): Result<Csr> {
  if (pem.length > maxCsrChars) return fail([problem(path, `longer than ${maxCsrChars} characters`, 'csr_too_large')]);
  const blocks = decodePem(pem, label, path);
  if (!blocks.ok) return blocks;
  if (blocks.value.length > 1) return fail([problem(path, 'more than one request', 'csr_several')]);
  return readCsr(blocks.value[0], path);
}

function readCsr(der: Buffer, path: string): Result<Csr> {
  return readDer(path, 'csr_der', () => {
    const outer = new DerReader(der);
    const request = outer.inside('request');
    outer.end('request');
    const body = request.value(tags.sequence, 'request info');
    const algorithm = request.inside('signature algorithm').oid('signature algorithm');
    const signature = request.bitString('signature');
    request.end('request');
    const publicKey = readBody(body.content, path);
    return publicKey.ok ? checkSignature({ body: body.raw, algorithm, signature }, publicKey.value, path) : publicKey;
  });
}

function readBody(content: Buffer, path: string): Result<PublicKey> {
  const info = new DerReader(content);
  const version = info.integer('version');
  if (version.length !== 1 || version[0] !== 0)
    return fail([problem(path, `version ${version.toString('hex')} is not 0`, 'csr_version')]);
  info.value(tags.sequence, 'subject');
  const spki = info.value(tags.sequence, 'public key').raw;
  const attributes = info.inside('attributes', attributesTag);
  while (!attributes.isAtEnd) {
    const attribute = attributes.inside('attribute');
    attribute.oid('attribute');
    attribute.value(tags.set, 'attribute values');
    attribute.end('attribute');
  }
  info.end('request info');
  return readPublicKey(spki, path);
}

type Signed = Readonly<{ body: Buffer; algorithm: string; signature: Buffer }>;

function checkSignature(signed: Signed, publicKey: PublicKey, path: string): Result<Csr> {
  const algorithm = signatureAlgorithms.find(({ oid }) => oid === signed.algorithm);
  if (algorithm === undefined || algorithm.family !== publicKey.family) {
    const message = `signature algorithm ${signed.algorithm} is not taken with a key ${publicKey.name}`;
    return fail([problem(path, message, 'csr_signature_algorithm')]);
  }
  return verify(algorithm.hash, signed.body, publicKey.key, signed.signature)
    ? ok({ publicKey })
    : fail([problem(path, 'the signature is not by the key of the request', 'csr_signature')]);
}
