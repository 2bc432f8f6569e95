import { type Checkpoint, parseCheckpoint, timeOf } from '../tlog/checkpoint.ts';
import { TlogError } from '../tlog/error.ts';
import type { Verifier } from '../tlog/key.ts';
import { openNote, parseNote } from '../tlog/note.ts';
import type { Manifest } from './format.ts';

/** A head that the events are held against. */
export interface SliceHead extends Checkpoint {
  /** Was it kept elsewhere? Else it came with the slice. */
  readonly given: boolean;
  /** Microseconds since the Unix epoch. */
  readonly time: number | undefined;
}

const headOf = (text: string, given: boolean): SliceHead => {
  const checkpoint = parseCheckpoint(text);
  return { ...checkpoint, given, time: timeOf(checkpoint) };
};

/**
 * Reads a head that was signed.
 * @param verifiers keys that the reader trusts; with none, only its form is checked
 * @throws TlogError for one that is malformed, or not signed by one of them
 */
export const readHead = (note: string, verifiers: readonly Verifier[], given: boolean): SliceHead =>
  headOf((verifiers.length === 0 ? parseNote(note) : openNote(note, verifiers)).text, given);

export interface ReadHeads {
  /** By size. */
  readonly heads: readonly SliceHead[];
  readonly covering: SliceHead;
  /** Heads within the slice that other keys signed. */
  readonly skipped: number;
}

/**
 * The heads of a manifest. The one that covers the slice must be signed by a key that is trusted; of those within it
 * others may be, since keys are rotated.
 * @throws TlogError where it is not, or the manifest says of itself what the head does not
 */
export const readHeads = (manifest: Manifest, verifiers: readonly Verifier[]): ReadHeads => {
  const covering = readHead(manifest.heads.at(-1) ?? '', verifiers, false);
  const { from, to, treeSize, origin } = manifest;
  if (covering.size !== treeSize || to > treeSize || from >= to) {
    throw new TlogError(
      `the slice says that it has the events ${from} to ${to} of ${treeSize}; its head is of ${covering.size} events`,
    );
  }
  if (covering.origin !== origin) {
    throw new TlogError(`the slice says that it is of '${origin}'; its head is of '${covering.origin}'`);
  }
  const within = manifest.heads.slice(0, -1).map((note) => {
    const name = parseCheckpoint(parseNote(note).text).origin;
    const signers = parseNote(note).signatures;
    const known =
      verifiers.length === 0 ||
      signers.some(({ name: by, id }) => verifiers.some((key) => key.name === by && key.id === id));
    return known && name === origin ? readHead(note, verifiers, false) : undefined;
  });
  const heads = within.filter((head) => head !== undefined);
  return { heads: [...heads, covering], covering, skipped: within.length - heads.length };
};
