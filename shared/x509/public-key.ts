import { createPublicKey, type KeyObject } from 'node:crypto';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import { DerReader, readDer } from './der-reader.ts';
import { tags } from './der-writer.ts';
import { curves, oids } from './oids.ts';

/** A public key that is strong enough to be certified. */
export type PublicKey = Readonly<{
  family: 'ec' | 'rsa';
  /** `P-256`, `RSA-2048`. */
  name: string;
  key: KeyObject;
  /** SubjectPublicKeyInfo, as it came. */
  spki: Buffer;
  /** The key's own bits within it, which key identifiers are made of. */
  bits: Buffer;
}>;

const minRsaBits = 2048;
/** A signature check costs by the square of the modulus: an endless one would be a way to keep the authority busy. */
const maxRsaBits = 8192;
const minRsaExponent = 65_537n;

/** Reads a SubjectPublicKeyInfo; unknown types, unknown curves and weak RSA keys are refused by name. */
export function readPublicKey(spki: Buffer, path: string): Result<PublicKey> {
  return readDer(path, 'key_der', () => {
    const outer = new DerReader(spki);
    const info = outer.inside('public key');
    outer.end('public key');
    const algorithm = info.inside('key algorithm');
    const type = algorithm.oid('key type');
    const bits = info.bitString('key bits');
    info.end('public key');
    if (type === oids.ecPublicKey) return readEcKey(spki, bits, algorithm, path);
    if (type === oids.rsaEncryption) return readRsaKey(spki, bits, algorithm, path);
    return fail([problem(path, `key type ${type} is not taken: use EC P-256 or RSA`, 'key_type')]);
  });
}

function readEcKey(spki: Buffer, bits: Buffer, algorithm: DerReader, path: string): Result<PublicKey> {
  // Explicit curve parameters would be a SEQUENCE here: refused, they are how CVE-2020-0601 forged certificates.
  if (algorithm.peek() !== tags.oid) return fail([problem(path, 'the curve is not a named one', 'key_curve')]);
  const curve = algorithm.oid('curve');
  algorithm.end('key algorithm');
  const name = curves[curve];
  if (name === undefined)
    return fail([problem(path, `curve ${curve} is not taken: use P-256, P-384 or P-521`, 'key_curve')]);
  if (bits[0] !== 4) return fail([problem(path, 'the point is not in uncompressed form', 'key_point')]);
  const key = importKey(spki);
  return key === undefined
    ? fail([problem(path, `not a point of ${name}`, 'key_point')])
    : ok({ family: 'ec', name, key, spki, bits });
}

function readRsaKey(spki: Buffer, bits: Buffer, algorithm: DerReader, path: string): Result<PublicKey> {
  algorithm.value(tags.null, 'RSA parameters');
  algorithm.end('key algorithm');
  const outer = new DerReader(bits);
  const numbers = outer.inside('RSA key');
  outer.end('RSA key');
  const modulus = BigInt(`0x${numbers.integer('modulus').toString('hex')}`);
  const exponent = numbers.integer('exponent');
  numbers.end('RSA key');
  const size = modulus.toString(2).length;
  if (size < minRsaBits)
    return fail([problem(path, `RSA of ${size} bits is too weak: at least ${minRsaBits}`, 'key_weak')]);
  if (size > maxRsaBits)
    return fail([problem(path, `RSA of ${size} bits is too large: at most ${maxRsaBits}`, 'key_too_large')]);
  if (exponent.length > 4 || BigInt(`0x${exponent.toString('hex')}`) < minRsaExponent)
    return fail([problem(path, `the RSA exponent is not in [${minRsaExponent}, 2^32)`, 'key_weak')]);
  const key = importKey(spki);
  return key === undefined
    ? fail([problem(path, 'not an RSA key', 'key_der')])
    : ok({ family: 'rsa', name: `RSA-${size}`, key, spki, bits });
}

/** OpenSSL's own checks (a point on the curve) come as exceptions: to us they are one answer, no key. */
function importKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
