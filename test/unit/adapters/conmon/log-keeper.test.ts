import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogKeeper } from '../../../../src/adapters/conmon/log-keeper.ts';
import { logFiles } from '../../../../src/adapters/stdio/log-files.ts';
import { quietLogger } from '../../../support/task.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

describe('a log that conmon writes', () => {
  let temp: ReturnType<typeof makeTempDir>;
  let path: string;
  beforeEach(() => {
    temp = makeTempDir('keeper');
    mkdirSync(join(temp.path, 'box'));
    path = join(temp.path, 'box/container.log');
  });
  afterEach(() => temp.remove());

  const keeper = (maxFiles = 3) => new LogKeeper({ path, maxBytes: 100, maxFiles }, quietLogger);
  /** As conmon begins a new file. */
  const beginAnew = (text: string): void => {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  };
  const read = async (): Promise<string[]> =>
    (await logFiles(path)).map((file) => readFileSync(file, 'utf8'));

  it('keeps each file that was put aside, as many as are wanted', async () => {
    const log = keeper();
    expect(log.prepare()).toBe(100);
    for (const text of ['one', 'two', 'three', 'four']) {
      beginAnew(text);
      log.settle();
    }
    expect(await read()).toEqual(['two', 'three', 'four']);
    log.finish();
    expect(await read()).toEqual(['two', 'three', 'four']);
    expect(readdirSync(join(temp.path, 'box')).toSorted()).toEqual([
      'container.log',
      'container.log.1',
      'container.log.2',
    ]);
  });
  it('is read in order before a file that was put aside has its name', async () => {
    const log = keeper();
    log.prepare();
    beginAnew('one');
    log.settle();
    expect(await read()).toEqual(['one']);
    beginAnew('two');
    expect(await read()).toEqual(['one', 'two']);
    log.finish();
    expect(await read()).toEqual(['one', 'two']);
  });
  it('that was filled twice while nobody looked keeps the first file and the newest', async () => {
    const log = keeper();
    log.prepare();
    beginAnew('one');
    log.settle();
    beginAnew('two');
    beginAnew('three');
    keeper().settle();
    expect(await read()).toEqual(['one', 'three']);
  });
  it('keeps the newest alone where one file is wanted', async () => {
    const log = keeper(1);
    log.prepare();
    beginAnew('one');
    log.settle();
    beginAnew('two');
    log.settle();
    expect(await read()).toEqual(['two']);
    expect(existsSync(`${path}.1`)).toBe(false);
  });
  it('counts what an earlier run wrote, and puts aside what leaves little room', async () => {
    writeFileSync(path, 'x'.repeat(30));
    expect(keeper().prepare()).toBe(70);
    writeFileSync(path, 'x'.repeat(60));
    expect(keeper().prepare()).toBe(100);
    expect((await read()).map((text) => text.length)).toEqual([60]);
    expect(existsSync(path)).toBe(false);
  });
  it('is watched while it is written', async () => {
    const log = keeper();
    log.prepare();
    beginAnew('one');
    log.start();
    beginAnew('two');
    await expect.poll(() => existsSync(`${path}.1`)).toBe(true);
    expect(await read()).toEqual(['one', 'two']);
    log.stop();
  });
});
