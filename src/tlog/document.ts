import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { TlogError } from './error.ts';
import { decodeRecord, type EventRecord } from './event-record.ts';
import { HASH_BYTES, type Hash, leafHash } from './hash.ts';
import { fromBase64, type Verifier } from './key.ts';
import { openNote } from './note.ts';
import { verifyConsistency, verifyInclusion } from './proof.ts';

/** Proofs as files: JSON that holds all that is needed to check them but the public key; docs/proof.md has the fields. */
const FORMAT = 'shiplog-proof/1';

export interface EventProof {
  /** The signed head, as a note. */
  readonly head: string;
  readonly index: number;
  readonly entry: Uint8Array;
  /** The event's salted data. */
  readonly data: Uint8Array;
  readonly hashes: readonly Hash[];
  /** Says which key to ask for; proves nothing. */
  readonly vkey: string;
}

export interface ConsistencyProof {
  readonly older: string;
  readonly newer: string;
  readonly hashes: readonly Hash[];
  readonly vkey: string;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const textOf = (fields: object): string => `${JSON.stringify({ format: FORMAT, ...fields }, undefined, 2)}\n`;

export const formatEventProof = ({ head, index, entry, data, hashes, vkey }: EventProof): string =>
  textOf({
    kind: 'event',
    vkey,
    head,
    index,
    entry: base64(entry),
    data: base64(data),
    hashes: hashes.map(base64),
  });

export const formatConsistencyProof = ({ older, newer, hashes, vkey }: ConsistencyProof): string =>
  textOf({ kind: 'consistency', vkey, older, newer, hashes: hashes.map(base64) });

/** What a document proved. */
export type Proven =
  | {
      readonly kind: 'event';
      readonly head: Checkpoint;
      readonly record: EventRecord;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'consistency'; readonly older: Checkpoint; readonly newer: Checkpoint };

/** Fields of a document. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(text: string) {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) throw new TlogError('a proof is a JSON object');
    this.#fields = { ...value };
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== 'string') throw new TlogError(`the proof has no text '${name}'`);
    return value;
  }

  index(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw new TlogError(`the proof has no whole number '${name}'`);
    }
    return value;
  }

  bytes(name: string): Uint8Array {
    const bytes = fromBase64(this.text(name));
    if (bytes === undefined) throw new TlogError(`'${name}' of the proof is not base64`);
    return bytes;
  }

  hashes(name: string): Hash[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw new TlogError(`the proof has no list '${name}'`);
    return value.map((one: unknown) => {
      const hash = typeof one === 'string' ? fromBase64(one) : undefined;
      if (hash?.length !== HASH_BYTES) throw new TlogError(`'${name}' of the proof holds what is not a hash`);
      return hash;
    });
  }
}

const fieldsOf = (text: string): Fields => {
  try {
    return new Fields(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new TlogError(`the proof is not JSON: ${error.message}`);
    throw error;
  }
};

/**
 * Checks a proof.
 * @param verifiers keys that the reader trusts; what the document says of keys is not asked
 * @throws TlogError for a document that is malformed, or proves nothing
 */
export const checkProof = (text: string, verifiers: readonly Verifier[]): Proven => {
  const fields = fieldsOf(text);
  const format = fields.text('format');
  if (format !== FORMAT) throw new TlogError(`the proof has the format '${format}'; '${FORMAT}' is known`);
  const headOf = (name: string): Checkpoint => parseCheckpoint(openNote(fields.text(name), verifiers).text);
  const kind = fields.text('kind');
  if (kind === 'event') return checkEvent(fields, headOf('head'));
  if (kind === 'consistency') return checkConsistency(fields, headOf('older'), headOf('newer'));
  throw new TlogError(`the proof is of the kind '${kind}', which is not known`);
};

const checkEvent = (fields: Fields, head: Checkpoint): Proven => {
  const entry = fields.bytes('entry');
  const index = fields.index('index');
  if (!verifyInclusion(leafHash(entry), index, head.size, fields.hashes('hashes'), head.root)) {
    throw new TlogError(`the entry is not number ${index} of the log whose head was signed`);
  }
  const record = decodeRecord(entry);
  if (record.position !== index) {
    throw new TlogError(`the entry is number ${index}, and says that it is event ${record.position}`);
  }
  return { kind: 'event', head, record, data: fields.bytes('data') };
};

const checkConsistency = (fields: Fields, older: Checkpoint, newer: Checkpoint): Proven => {
  if (older.origin !== newer.origin) {
    throw new TlogError(`the heads are of two logs, '${older.origin}' and '${newer.origin}'`);
  }
  if (!verifyConsistency(older, newer, fields.hashes('hashes'))) {
    throw new TlogError(`the log of ${newer.size} events does not begin with that of ${older.size}`);
  }
  return { kind: 'consistency', older, newer };
};
