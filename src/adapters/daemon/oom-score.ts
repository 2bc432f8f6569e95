import { writeFileSync } from 'node:fs';
import { Rejection } from '../../domain/rejection.ts';

/**
 * How readily the kernel ends this process when memory runs out (proc_pid_oom_score_adj(5)); what it starts inherits it.
 * @param score -1000 to 1000; 0 leaves it as it is
 * @throws Rejection `permission-denied` where it may not be lowered
 */
export const setOomScore = (score: number, file = '/proc/self/oom_score_adj'): void => {
  if (score === 0) return;
  try {
    writeFileSync(file, String(score));
  } catch (cause) {
    throw new Rejection(
      'permission-denied',
      `oom_score: ${score} can't be written to ${file}: ${String(cause)}; start as root, or set 0`,
      { cause },
    );
  }
};
