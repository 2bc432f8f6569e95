import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { TlogError } from './error.ts';
import { sha256 } from './hash.ts';

/** Ed25519 keys of notes: C2SP signed-note, with the texts of keys that Go's golang.org/x/mod/sumdb/note writes. */

const ED25519 = 0x01;
const KEY_BYTES = 32;
const PRIVATE = 'PRIVATE+KEY+';

/** Checks signatures of one key. */
export interface Verifier {
  readonly name: string;
  /** The first 32 bits of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
  readonly id: number;
  /** The public key as text: `name+id+base64`. */
  readonly vkey: string;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

/** Makes signatures. */
export interface Signer {
  readonly verifier: Verifier;
  /** The private key as text; goes to its file and nowhere else. */
  readonly secret: () => string;
  sign(text: Uint8Array): Buffer;
}

/** Whether a note may have a key of this name: not empty, without white space and `+`. */
export const isKeyName = (name: string): boolean =>
  name !== '' && !/[\p{White_Space}+]/u.test(name) && Buffer.from(name).toString() === name;

/** Bytes of standard base64 with padding, and of nothing else. */
export const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

const keyId = (name: string, key: Uint8Array): number =>
  sha256(Buffer.concat([Buffer.from(`${name}\n`), key])).readUInt32BE(0);

const idText = (id: number): string => id.toString(16).padStart(8, '0');

// The fixed beginnings of SubjectPublicKeyInfo and PKCS #8 for Ed25519 (RFC 8410).
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

const verifierOf = (name: string, raw: Uint8Array): Verifier => {
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  const typed = Buffer.concat([Buffer.of(ED25519), raw]);
  const id = keyId(name, typed);
  return {
    name,
    id,
    vkey: `${name}+${idText(id)}+${typed.toString('base64')}`,
    verify: (text, signature) => signature.length === 64 && verify(null, text, key, signature),
  };
};

const signerOf = (name: string, key: KeyObject): Signer => {
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
  const verifier = verifierOf(name, raw);
  const seed = key.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  const typed = Buffer.concat([Buffer.of(ED25519), seed]);
  return {
    verifier,
    secret: () => `${PRIVATE}${name}+${idText(verifier.id)}+${typed.toString('base64')}`,
    sign: (text) => sign(null, text, key),
  };
};

/** `name+id+base64`. @returns undefined where it is not that, or not an Ed25519 key */
const partsOf = (text: string): { name: string; id: number; raw: Buffer; typed: Buffer } | undefined => {
  const [, name = '', id = '', key = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.*)$/s.exec(text) ?? [];
  const typed = fromBase64(key);
  if (!isKeyName(name) || typed?.length !== 1 + KEY_BYTES || typed[0] !== ED25519) return undefined;
  return { name, id: Number.parseInt(id, 16), raw: typed.subarray(1), typed };
};

/** @throws TlogError for what is not the text of an Ed25519 public key */
export const parseVerifier = (vkey: string): Verifier => {
  const parts = partsOf(vkey);
  if (parts === undefined || parts.id !== keyId(parts.name, parts.typed)) {
    throw new TlogError(
      `'${vkey.slice(0, 200)}' is not a public key; it looks like NAME+8 HEX DIGITS+BASE64`,
    );
  }
  return verifierOf(parts.name, parts.raw);
};

/** @throws TlogError for what is not the text of an Ed25519 private key; it never holds the text */
export const parseSigner = (secret: string): Signer => {
  const parts = secret.startsWith(PRIVATE) ? partsOf(secret.slice(PRIVATE.length)) : undefined;
  const signer =
    parts &&
    signerOf(
      parts.name,
      createPrivateKey({ key: Buffer.concat([PKCS8, parts.raw]), format: 'der', type: 'pkcs8' }),
    );
  if (signer === undefined || signer.verifier.id !== parts?.id) {
    throw new TlogError('this is not a private key; it looks like PRIVATE+KEY+NAME+8 HEX DIGITS+BASE64');
  }
  return signer;
};

/** Makes a key. @throws TlogError for a name that a key can't have */
export const generateSigner = (name: string): Signer => {
  if (!isKeyName(name))
    throw new TlogError(`'${name}' can't name a key: it is empty, or holds a space or a '+'`);
  return signerOf(name, generateKeyPairSync('ed25519').privateKey);
};
