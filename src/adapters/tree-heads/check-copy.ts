import { join } from 'node:path';
import type { Position } from '../../domain/identity.ts';
import type { HeadCheck, LeafSource } from '../../engine/ports/proofs.ts';
import { TlogError } from '../../tlog/error.ts';
import type { Verifier } from '../../tlog/key.ts';
import { openNote, parseNote } from '../../tlog/note.ts';
import { checkHeads, type HeadToCheck } from './check-heads.ts';
import { HeadFiles, headOf } from './head-files.ts';
import { LogTree } from './log-tree.ts';
import { TileFiles } from './tile-files.ts';

export interface CopyOrder {
  /** The folder of the log, with `heads` and `tree` as far as they were copied along. */
  readonly directory: string;
  readonly horizon: Position;
  readonly leaves: LeafSource;
  readonly verifiers: readonly Verifier[];
  /** Heads that were kept elsewhere. */
  readonly notes: readonly string[];
}

export interface CopyCheck extends HeadCheck {
  /** Heads that the log is held against. */
  readonly heads: number;
  /** Heads beside the log that other keys signed. */
  readonly skipped: number;
}

/**
 * Begins to hold a copied log against the heads beside it that trusted keys signed, and those that were kept elsewhere.
 * Changes nothing there.
 * @throws TlogError for a head that was kept and is not signed by one of the keys, or one beside the log that is spoilt;
 *   MissingTile where the log was pruned and what the tree was before is not there
 */
export const checkCopy = async (order: CopyOrder): Promise<CopyCheck> => {
  const { directory, horizon, leaves, verifiers, notes } = order;
  const heads: HeadToCheck[] = [];
  for (const note of notes) {
    openNote(note, verifiers);
    heads.push({ ...headOf(note), given: true });
  }
  let skipped = 0;
  for await (const head of new HeadFiles(join(directory, 'heads'), true).all()) {
    if (isOf(head.note, verifiers)) {
      openNote(head.note, verifiers);
      heads.push({ ...head, given: false });
    } else skipped += 1;
  }
  if (heads.length === 0)
    throw new TlogError('no head that one of the keys signed is beside the log, and none was given');
  const tree = new LogTree(leaves, new TileFiles(join(directory, 'tree')));
  const check = await checkHeads({ heads, horizon, leaves, tree });
  return {
    take: (hashes, first) => check.take(hashes, first),
    verdict: () => check.verdict(),
    heads: heads.length,
    skipped,
  };
};

const isOf = (note: string, verifiers: readonly Verifier[]): boolean =>
  parseNote(note).signatures.some(({ name, id }) =>
    verifiers.some((key) => key.name === name && key.id === id),
  );
