import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { passFifo } from '../../../../src/adapters/conmon/exec-fifo.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const temp = makeTempDir('exec-fifo');
afterAll(() => temp.remove());
const waits = async () => true;

const makeFifo = (name: string): string => {
  const path = join(temp.path, name);
  execFileSync('mkfifo', [path]);
  return path;
};

/** A process that takes its time before it opens the fifo, and again before it writes. */
const slow = (path: string) => spawn('sh', ['-c', `sleep 0.3; exec 3>"$0"; sleep 0.3; printf 0 >&3`, path]);

it('waits for a process that is slow, and does not break it', async () => {
  const path = makeFifo('slow');
  const process = slow(path);
  const end = once(process, 'exit');
  expect(await passFifo(path, waits, 20_000)).toBe(true);
  expect(await end).toEqual([0, null]);
  expect(existsSync(path)).toBe(false);
});

it('hears what is said while it asks whether anybody is there', async () => {
  const path = makeFifo('meanwhile');
  const isWaiting = async () => {
    const process = slow(path);
    await once(process, 'exit');
    return false;
  };
  expect(await passFifo(path, isWaiting, 20_000)).toBe(true);
});

it('leaves a fifo alone where nobody waits, and one that is not there', async () => {
  const path = makeFifo('left');
  expect(await passFifo(path, async () => false, 20_000)).toBe(false);
  expect(existsSync(path)).toBe(true);
  expect(await passFifo(join(temp.path, 'nosuch'), waits, 20_000)).toBe(false);
});

it('does not wait for ever', async () => {
  await expect(passFifo(makeFifo('silent'), waits, 300)).rejects.toMatchObject({ code: 'deadline-exceeded' });
});
