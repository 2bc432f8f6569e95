import type { Position } from '../../domain/identity.ts';
import type { Archived, Pruned, Redaction } from '../../domain/keeping.ts';

/** What new data will be, once it stands in place of an event's own. */
export type Replacement = Pick<Redaction, 'salt' | 'replacement'>;

/** What was written to an archive. */
export interface ArchiveReport extends Archived {
  /** Files written now; those that were there already, and right, are left. */
  readonly segments: number;
  /** Bytes of them, compressed. */
  readonly bytes: number;
  /** SHA-256 of the manifest, hexadecimal. */
  readonly manifest: string;
}

/** What can be pruned: whole files only, so the horizon is the first position of one. */
export type PrunePlan = Omit<Pruned, 'treeSize' | 'archives'>;

/**
 * Keeps the files of the log: takes texts out of them, copies them away, lets the oldest go. The log goes on meanwhile.
 * Calls must not overlap. None of them decides anything: what may be done, and that it is recorded first, is the engine's.
 */
export interface LogKeeper {
  /**
   * Fixes what would stand in place of an event's data, with a fresh salt.
   * @throws Rejection `failed-precondition` for a position below the horizon; `invalid-argument` for data that is longer
   *   than the event's own
   */
  prepare(at: Position, data: unknown): Promise<Replacement>;
  /**
   * Puts data in place of an event's own, so that after a crash one or the other is there. Closes the file first where it is
   * being written. Doing it again changes nothing.
   * @returns whether anything changed
   * @throws Rejection `internal` for data that is not what was fixed; `resource-exhausted` where there is no room for a
   *   copy of the file
   */
  replace(at: Position, data: unknown, replacement: Replacement): Promise<boolean>;
  /**
   * Copies closed files that lie wholly below a position to a folder of the host, compressed, with a manifest; reads them
   * back. A file that is in the archive already and is still the same is left.
   * @param directory absolute; made where it is missing; must not be inside the log's own folder
   * @throws Rejection `failed-precondition` where the folder holds an archive of another log or zstd is missing;
   *   `data-loss` where what was written is not what is read back
   */
  archive(directory: string, before: Position): Promise<ArchiveReport>;
  /** What pruning before a position would take; undefined where no whole file is below it. */
  plan(before: Position): Promise<PrunePlan | undefined>;
  /**
   * Looks whether every file below a position is in one of these archives as it is now, and whole.
   * @returns the first position that is in none; undefined where all are
   */
  firstUnarchived(horizon: Position, directories: readonly string[]): Promise<Position | undefined>;
  /**
   * Puts archived files back beside the log, down to position 0, each checked: SHA-256, chain, every event; and that what was
   * redacted is. They are no part of it yet, and after a crash they are removed again at the next start.
   * @param redacted SHA-256 of the data of redacted events as it has to be, by position
   * @throws Rejection `failed-precondition` where the folders don't have all of it, or have something as it was before it was
   *   redacted; `data-loss` where a file is not what its manifest says; `resource-exhausted`
   */
  bringBack(directories: readonly string[], redacted: ReadonlyMap<Position, string>): Promise<BroughtBack>;
  /** Removes the files below a horizon that an event recorded. Doing it again changes nothing. */
  prune(pruned: Pick<Pruned, 'horizon' | 'archives'>, event: Position): Promise<void>;
}

/** Files that lie beside the log, durable, from position 0 to where it begins. */
export interface BroughtBack {
  readonly segments: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Makes them the beginning of the log, once an event says so. */
  adopt(): Promise<void>;
  /** Removes them again. */
  discard(): Promise<void>;
}

/** Signed tree heads, as far as pruning asks about them. */
export interface SignedHeads {
  /**
   * The size of a signed head, durable, that covers all events below a position.
   * @returns undefined where there is none
   */
  covering(below: Position): Promise<Position | undefined>;
}
