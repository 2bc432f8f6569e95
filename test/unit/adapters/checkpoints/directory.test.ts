import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoints } from '../../../../src/adapters/checkpoints/directory.ts';
import type { Checkpoint } from '../../../../src/engine/ports/checkpoints.ts';
import { at, inTemporaryDirectory, memoryFolder } from '../../../support/log-events.ts';

const header = (n: number) => ({ position: at(n), schema: 'views 1', last: `event ${n - 1}` });
const lines = ['{"at":["world","position"]}', '["a",1]', '["ü",2]'];
const linesOf = async (checkpoint: Checkpoint): Promise<readonly string[]> => {
  const all: string[] = [];
  for await (const some of checkpoint.lines) all.push(...some);
  return all;
};
const inFolder = (use: (directory: string) => Promise<void>) =>
  inTemporaryDirectory((directory) => use(join(directory, 'checkpoints')), memoryFolder);

describe('a folder of checkpoints', () => {
  it('gives back what was saved, also after it was opened again', () =>
    inFolder(async (directory) => {
      await (await openCheckpoints(directory)).save(header(7), lines);
      const again = await openCheckpoints(directory);
      expect(again.list()).toMatchObject([{ position: at(7) }]);
      const checkpoint = await again.open(at(7));
      expect(checkpoint.header).toEqual(header(7));
      expect(await linesOf(checkpoint)).toEqual(lines);
    }));

  it('lists by position, replaces what is at one, and forgets what is removed', () =>
    inFolder(async (directory) => {
      const store = await openCheckpoints(directory);
      for (const n of [300, 20, 1000]) await store.save(header(n), lines);
      await store.save(header(20), ['[]']);
      expect(store.list().map(({ position }) => Number(position))).toEqual([20, 300, 1000]);
      expect(await linesOf(await store.open(at(20)))).toEqual(['[]']);
      await store.remove(at(300));
      await store.remove(at(300));
      expect(readdirSync(directory)).toHaveLength(2);
      await expect(store.open(at(300))).rejects.toMatchObject({ code: 'data-loss' });
    }));

  it('leaves most of the time to others while one is saved, for as long as it is to rest', () =>
    inFolder(async (directory) => {
      const store = await openCheckpoints(directory);
      const busy = function* (): Generator<string> {
        for (let n = 0; n < 6; n += 1) {
          for (const until = performance.now() + 4; performance.now() < until; );
          yield `["key-${n}",1]`;
        }
      };
      let asked = 0;
      const started = performance.now();
      await store.save(header(1), busy(), () => {
        asked += 1;
        return asked <= 4;
      });
      // Four rests of four times the 4 ms that it had worked.
      expect(performance.now() - started).toBeGreaterThan(6 * 4 + 4 * 4 * 4 - 4);
      expect(asked).toBe(6);
    }));

  it('gives large ones in pieces, and others their turn while one is saved', () =>
    inFolder(async (directory) => {
      const store = await openCheckpoints(directory);
      const many = Array.from({ length: 20_000 }, (_, n) => `["key-${n}",{"value":"${'x'.repeat(n % 97)}"}]`);
      let turns = 0;
      const counting = setInterval(() => {
        turns += 1;
      }, 0);
      await store.save(header(1), many);
      clearInterval(counting);
      expect(turns).toBeGreaterThan(3);
      let pieces = 0;
      const checkpoint = await store.open(at(1));
      const back: string[] = [];
      for await (const some of checkpoint.lines) {
        pieces += 1;
        back.push(...some);
      }
      expect(back).toEqual(many);
      expect(pieces).toBeGreaterThan(5);
    }));

  it('takes away what a crash left half-written, and leaves files of others alone', () =>
    inFolder(async (directory) => {
      await openCheckpoints(directory);
      writeFileSync(join(directory, '00000000000000000009.checkpoint.tmp'), 'half');
      writeFileSync(join(directory, 'notes.txt'), 'mine');
      expect((await openCheckpoints(directory)).list()).toEqual([]);
      expect(readdirSync(directory)).toEqual(['notes.txt']);
    }));

  it('leaves nothing behind where the lines can not be made', () =>
    inFolder(async (directory) => {
      const store = await openCheckpoints(directory);
      const failing = function* () {
        yield lines[0] ?? '';
        throw new Error('no more');
      };
      await expect(store.save(header(3), failing())).rejects.toThrow('no more');
      expect(readdirSync(directory)).toEqual([]);
      expect(store.list()).toEqual([]);
    }));
});

describe('a damaged checkpoint', () => {
  const saved = async (directory: string) => {
    const store = await openCheckpoints(directory);
    await store.save(header(7), lines);
    const [name = ''] = readdirSync(directory);
    return { store, path: join(directory, name) };
  };

  it('is refused with its file, whichever bit of it has changed', () =>
    inFolder(async (directory) => {
      const { store, path } = await saved(directory);
      const good = readFileSync(path);
      for (let byte = 0; byte < good.length; byte += 1) {
        const bad = Buffer.from(good);
        bad[byte] = (bad[byte] ?? 0) ^ (1 << (byte % 8));
        writeFileSync(path, bad);
        await expect(store.open(at(7))).rejects.toMatchObject({
          code: 'data-loss',
          message: expect.stringContaining(path),
        });
      }
      writeFileSync(path, good);
      expect(await linesOf(await store.open(at(7)))).toEqual(lines);
    }));

  it('is refused wherever it is cut', () =>
    inFolder(async (directory) => {
      const { store, path } = await saved(directory);
      for (let length = readFileSync(path).length - 1; length >= 0; length -= 1) {
        truncateSync(path, length);
        await expect(store.open(at(7))).rejects.toMatchObject({ code: 'data-loss' });
      }
      expect(existsSync(path)).toBe(true);
    }));

  it('is refused under the name of another position', () =>
    inFolder(async (directory) => {
      const { path } = await saved(directory);
      writeFileSync(join(directory, '00000000000000000008.checkpoint'), readFileSync(path));
      const store = await openCheckpoints(directory);
      await expect(store.open(at(8))).rejects.toThrow(/position 7/);
    }));
});
