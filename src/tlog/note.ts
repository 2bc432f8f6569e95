import { TlogError } from './error.ts';
import { fromBase64, isKeyName, type Signer, type Verifier } from './key.ts';

/** Signed notes: C2SP signed-note. */

export interface NoteSignature {
  readonly name: string;
  /** Of the key, as the signature says it. */
  readonly id: number;
  readonly signature: Uint8Array;
}

export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A note of which at least one signature was checked and held. */
export interface OpenedNote {
  readonly text: string;
  readonly verified: readonly NoteSignature[];
  /** Of keys that are not known. */
  readonly unverified: readonly NoteSignature[];
}

/** Bounds of a note that is read; those of Go's note package. */
const MAX_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;

const malformed = (what: string): TlogError => new TlogError(`this is no signed note: ${what}`);

/** Ends with a newline, and holds no other ASCII control character. */
const isText = (text: string): boolean =>
  text.endsWith('\n') && Buffer.from(text).every((byte) => byte >= 0x20 || byte === 0x0a);

const parseSignature = (line: string): NoteSignature => {
  const [, name = '', base64 = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const bytes = fromBase64(base64);
  if (!isKeyName(name) || bytes === undefined || bytes.length < 5)
    throw malformed('a signature line is wrong');
  return { name, id: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
};

/** Takes a note apart, checking nothing but its form. @throws TlogError */
export const parseNote = (message: Uint8Array | string): Note => {
  const bytes = typeof message === 'string' ? Buffer.from(message) : Buffer.from(message);
  if (bytes.length > MAX_BYTES) throw malformed('it is larger than 1 MB');
  const whole = bytes.toString();
  if (!Buffer.from(whole).equals(bytes)) throw malformed('it is not UTF-8');
  if (!isText(whole)) throw malformed('it does not end with a newline, or holds control characters');
  const split = whole.lastIndexOf('\n\n');
  if (split === -1) throw malformed('no empty line stands before its signatures');
  const lines = whole.slice(split + 2, -1).split('\n');
  if (split + 2 >= whole.length) throw malformed('it has no signatures');
  if (lines.length > MAX_SIGNATURES) throw malformed(`it has more than ${MAX_SIGNATURES} signatures`);
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignature) };
};

/**
 * Reads a note that one of the given keys has signed. Signatures of other keys don't matter, but one of a given key that
 * does not hold spoils the note.
 * @throws TlogError for a note that is malformed, spoilt, or signed by none of them
 */
export const openNote = (message: Uint8Array | string, verifiers: readonly Verifier[]): OpenedNote => {
  const { text, signatures } = parseNote(message);
  const bytes = Buffer.from(text);
  const verified = new Map<Verifier, NoteSignature>();
  const unverified: NoteSignature[] = [];
  for (const signature of signatures) {
    const key = verifiers.find(({ name, id }) => name === signature.name && id === signature.id);
    if (key === undefined) unverified.push(signature);
    else if (verified.has(key)) continue;
    else if (key.verify(bytes, signature.signature)) verified.set(key, signature);
    else throw new TlogError(`the signature of ${key.vkey} on the note does not hold`);
  }
  if (verified.size === 0) {
    const names = signatures.map(({ name, id }) => `${name}+${id.toString(16).padStart(8, '0')}`).join(', ');
    throw new TlogError(`the note is signed by ${names}, which is not a key that was given`);
  }
  return { text, verified: [...verified.values()], unverified };
};

const lineOf = (name: string, id: number, signature: Uint8Array): string => {
  const bytes = Buffer.alloc(4 + signature.length);
  bytes.writeUInt32BE(id);
  bytes.set(signature, 4);
  return `\u2014 ${name} ${bytes.toString('base64')}\n`;
};

/**
 * Signs a text, with every key in turn.
 * @param others signatures that are kept, after those made here
 * @throws TlogError for a text that a note can't have
 */
export const signNote = (
  text: string,
  signers: readonly Signer[],
  others: readonly NoteSignature[] = [],
): string => {
  if (!isText(text)) throw malformed('the text does not end with a newline, or holds control characters');
  const bytes = Buffer.from(text);
  const own = signers.map((signer) => lineOf(signer.verifier.name, signer.verifier.id, signer.sign(bytes)));
  const kept = others
    .filter(({ name, id }) => !signers.some(({ verifier }) => verifier.name === name && verifier.id === id))
    .map(({ name, id, signature }) => lineOf(name, id, signature));
  return `${text}\n${own.join('')}${kept.join('')}`;
};
