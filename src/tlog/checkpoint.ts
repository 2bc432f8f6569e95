import { TlogError } from './error.ts';
import { HASH_BYTES, type Hash } from './hash.ts';
import { fromBase64 } from './key.ts';

/** The text of a tree head: C2SP tlog-checkpoint. */
export interface Checkpoint {
  /** Names the log. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  readonly root: Hash;
  /** Lines that the specification says nothing about. */
  readonly extensions: readonly string[];
}

/** @throws TlogError for lines that would not be read back the same */
export const formatCheckpoint = ({ origin, size, root, extensions }: Checkpoint): string => {
  const lines = [origin, String(size), Buffer.from(root).toString('base64'), ...extensions];
  if (lines.some((line) => line === '' || line.includes('\n')) || !Number.isSafeInteger(size) || size < 0) {
    throw new TlogError('a checkpoint has a size from 0 on, and lines that are not empty');
  }
  return `${lines.join('\n')}\n`;
};

/** Reads the text of a note. @throws TlogError for one that is no checkpoint */
export const parseCheckpoint = (text: string): Checkpoint => {
  const wrong = (what: string) => new TlogError(`this is no checkpoint: ${what}`);
  if (!text.endsWith('\n')) throw wrong('it does not end with a newline');
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin === '') throw wrong('its first line, the origin, is empty');
  if (!/^(?:0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw wrong('its second line is not the size of a tree');
  }
  const hash = fromBase64(root);
  if (hash?.length !== HASH_BYTES) throw wrong('its third line is not a SHA-256 in base64');
  if (extensions.includes('')) throw wrong('one of its lines is empty');
  return { origin, size: Number(size), root: hash, extensions };
};

const TIME = /^time (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(\d{3})Z$/;

/** The extension line that says when a head was signed. @param wall microseconds since the Unix epoch */
export const timeLine = (wall: number): string => {
  const micros = String(wall % 1000).padStart(3, '0');
  return `time ${new Date(Math.floor(wall / 1000)).toISOString().slice(0, -1)}${micros}Z`;
};

/** Microseconds since the Unix epoch; undefined for a head without a time. */
export const timeOf = ({ extensions }: Checkpoint): number | undefined => {
  for (const line of extensions) {
    const [, millis, micros] = TIME.exec(line) ?? [];
    const wall = millis === undefined ? Number.NaN : Date.parse(`${millis}Z`) * 1000 + Number(micros);
    if (!Number.isNaN(wall)) return wall;
  }
  return undefined;
};
