import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { runProgram } from '../../test/support/child.ts';

/** What a disk lets a program append while another removes files of it: nobody's writes can be sooner. */

const RECORD = Buffer.alloc(512, 'x');
const ROOM_BYTES = 32 * 1024 * 1024;

/** Milliseconds that each append took. */
interface Appends {
  readonly alone: readonly number[];
  readonly meanwhile: readonly number[];
}

const appendUntil = async (fd: number, over: () => boolean): Promise<readonly number[]> => {
  const took: number[] = [];
  while (!over()) {
    const started = performance.now();
    writeSync(fd, RECORD, 0, RECORD.length, (took.length * RECORD.length) % ROOM_BYTES);
    took.push(performance.now() - started);
    await turn();
  }
  return took;
};

/**
 * Appends with O_DSYNC to space written ahead, as a log does, for a second alone and then while `rm` removes small files.
 * @param directory on the disk, there already
 */
export const appendsBesideUnlinking = async (directory: string, files: number): Promise<Appends> => {
  const folder = join(directory, 'unlinked');
  const path = join(directory, 'appended');
  mkdirSync(folder);
  for (let n = 0; n < files; n += 1) writeFileSync(join(folder, `${n}`), `file ${n}`);
  writeFileSync(path, Buffer.alloc(ROOM_BYTES));
  await runProgram('sync', ['-f', directory]);
  const fd = openSync(path, constants.O_WRONLY | constants.O_DSYNC);
  try {
    const until = performance.now() + 1000;
    const alone = await appendUntil(fd, () => performance.now() > until);
    const remover = spawn('rm', ['-r', folder], { stdio: 'inherit' });
    const gone = once(remover, 'exit');
    const meanwhile = await appendUntil(fd, () => remover.exitCode !== null);
    await gone;
    return { alone, meanwhile };
  } finally {
    closeSync(fd);
    rmSync(path);
  }
};
