import { LogDamage } from './adapters/log-file/failure.ts';
import { leavesOf } from './adapters/log-file/leaves.ts';
import { openLogCopy } from './adapters/log-file/log-copy.ts';
import { verifyLog } from './adapters/log-file/verify.ts';
import { checkCopy } from './adapters/tree-heads/check-copy.ts';
import type { SliceReport } from './slice/check.ts';
import type { Verifier } from './tlog/key.ts';

export type LogReport = Pick<SliceReport, 'verdict' | 'message' | 'position' | 'notes'>;

/**
 * Checks all of a copied log: files, chain, payloads, then the tree against signed heads.
 * @param notes heads that were kept elsewhere
 * @throws TlogError where no head can be held against it; errors of the file system as they are
 */
export const verifyLogCopy = async (
  directory: string,
  verifiers: readonly Verifier[],
  notes: readonly string[],
): Promise<LogReport> => {
  try {
    return await verified(directory, verifiers, notes);
  } catch (error) {
    if (error instanceof LogDamage) return damaged(error.damage);
    throw error;
  }
};

const damaged = ({ file, offset, what, position }: LogDamage['damage']): LogReport => {
  const where = position === undefined ? '' : `from position ${position} on it is not as it was written: `;
  return {
    verdict: 'unsound',
    message: `${where}${file}, byte ${offset}: ${what}`,
    ...(position === undefined ? {} : { position }),
    notes: [],
  };
};

const verified = async (
  directory: string,
  verifiers: readonly Verifier[],
  notes: readonly string[],
): Promise<LogReport> => {
  // The files first: where they are damaged, that tells most.
  const files = await verifyLog(directory);
  if (!files.intact) return damaged(files.damage);
  const copy = await openLogCopy(directory);
  const leaves = leavesOf(copy.files);
  const check = await checkCopy({ directory, horizon: copy.horizon, leaves, verifiers, notes });
  for await (const { hashes, first } of leaves.leaves(copy.horizon, copy.durable)) {
    await check.take(hashes, Number(first));
  }
  const { ok, message, position } = await check.verdict();
  const said = [
    ...(check.skipped === 0
      ? []
      : [`${check.skipped} heads beside it are of other keys, and were not asked`]),
    ...(files.torn === undefined ? [] : ['it ends in an unfinished write, which was left out']),
  ];
  return {
    verdict: ok ? 'sound' : 'unsound',
    message,
    ...(position === undefined ? {} : { position: Number(position) }),
    notes: said,
  };
};
