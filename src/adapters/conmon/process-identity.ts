import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { hasCode } from '../syscalls/error.ts';

/** A process, told apart from a later one with the same number by when it was started (clock ticks since the boot). */
export const ProcessIdentity = z.object({ pid: z.number().int().min(1), started: z.string().min(1) });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

interface ProcessStatus extends ProcessIdentity {
  readonly parent: number;
  readonly condition: 'alive' | 'stopped' | 'zombie';
}

/** /proc/PID/stat, from proc(5): the name in brackets may hold anything, what follows is apart by spaces. */
export const parseStat = (pid: number, text: string): ProcessStatus | undefined => {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const started = fields[19];
  if (state === undefined || parent === undefined || started === undefined) return undefined;
  const stopped = state === 'T' || state === 't';
  const zombie = state === 'Z' || state === 'X';
  return {
    pid,
    started,
    parent: Number(parent),
    condition: zombie ? 'zombie' : stopped ? 'stopped' : 'alive',
  };
};

/** @returns undefined where there is no such process */
export const statusOf = (pid: number): ProcessStatus | undefined => {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
};

/** How that very process is; undefined once it has ended. */
export const statusOfSame = ({ pid, started }: ProcessIdentity): ProcessStatus | undefined => {
  const status = statusOf(pid);
  return status?.started === started && status.condition !== 'zombie' ? status : undefined;
};
