import { closeSync } from 'node:fs';
import { type ProcessEnd, startChild } from './child.ts';
import { memoryInput, memoryOutput, writtenTo } from './memory-file.ts';
import type { SpawnOrder } from './spawn.ts';

/** What a program may print before its writes fail, in bytes, of output and complaints each. */
const OUTPUT_LIMIT = 1024 * 1024;

export interface ProgramRun extends Omit<SpawnOrder, 'descriptors'> {
  /** What it reads; nothing when absent. */
  readonly input?: Uint8Array | string | undefined;
  /** Milliseconds; it is killed then. */
  readonly timeoutMs: number;
}

export interface RanProgram extends ProcessEnd {
  readonly output: Buffer;
  readonly complaints: Buffer;
  /** It was killed because its time was over. */
  readonly late: boolean;
}

/**
 * Runs a program to its end. It reads and writes files in memory: the event loop hears of it once, when it has ended, and
 * what it leaves running holds nothing up.
 * @throws SyscallError where it can't be started
 */
export const runToEnd = async ({ input, timeoutMs, ...order }: ProgramRun): Promise<RanProgram> => {
  const files: number[] = [];
  const open = (fd: number): number => {
    files.push(fd);
    return fd;
  };
  try {
    const stdin = input === undefined ? 'ignore' : open(memoryInput('input', Buffer.from(input)));
    const [output, complaints] = [
      open(memoryOutput('output', OUTPUT_LIMIT)),
      open(memoryOutput('complaints', OUTPUT_LIMIT)),
    ];
    const child = startChild({ ...order, descriptors: [stdin, output, complaints] });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    try {
      const end = await child.ended;
      return { ...end, output: writtenTo(output), complaints: writtenTo(complaints), late };
    } finally {
      clearTimeout(timer);
    }
  } finally {
    for (const fd of files) closeSync(fd);
  }
};
