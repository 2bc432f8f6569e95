import { cp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogDamage } from '../../src/adapters/log-file/failure.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import type { TornTail } from '../../src/adapters/log-file/recover.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { flip, groupStarts, openAndRead, segmentsOf, written } from '../support/log-damage.ts';
import { appendBatches, inTemporaryDirectory, memoryFolder } from '../support/log-events.ts';

const inMemory = (use: (directory: string) => Promise<void>) => inTemporaryDirectory(use, memoryFolder);

/** A closed log of one segment with these batches. */
const small = async (directory: string, sizes: readonly number[]) => {
  const log = await openFileLog({ directory });
  await appendBatches(log, sizes);
  await log.close();
  const [path = ''] = await segmentsOf(directory);
  const { bytes, end } = await written(path);
  return { path, bytes, end, starts: groupStarts(bytes) };
};

const damageOf = async (opening: Promise<unknown>): Promise<LogDamage['damage']> => {
  const error = await opening.then(
    () => new Error('it opened'),
    (reason: unknown) => reason,
  );
  if (error instanceof LogDamage) return error.damage;
  throw error;
};

describe('a torn tail', () => {
  it(
    'is cut at every byte of the last group, and nothing before it is lost',
    () =>
      inMemory(async (directory) => {
        const { path, bytes, starts } = await small(directory, [1, 1, 2]);
        const [, , last = 0, mark = 0] = starts;
        expect(starts).toHaveLength(4);
        for (let cut = last; cut < mark; cut += 1) {
          await writeFile(path, bytes.subarray(0, cut));
          const torn: TornTail[] = [];
          const log = await openFileLog({ directory, onTornTail: (tail) => torn.push(tail) });
          expect([log.head, log.durable]).toEqual([2n, 2n]);
          expect(torn).toEqual(cut === last ? [] : [{ file: path, offset: last, bytes: cut - last }]);
          await appendBatches(log, [1]);
          await log.close();
          expect(await openAndRead({ directory })).toHaveLength(3);
        }
      }),
    60_000,
  );

  it('is cut where its missing bytes are zeros written ahead', () =>
    inMemory(async (directory) => {
      const { path, bytes, starts } = await small(directory, [1, 1, 2]);
      const [, , last = 0, mark = 0] = starts;
      for (let cut = last; cut < mark; cut += 7) {
        await writeFile(path, Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(bytes.length - cut)]));
        expect(await openAndRead({ directory })).toHaveLength(2);
      }
    }));

  it('may have lost an earlier page of its write and kept a later one', () =>
    inMemory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(log, [2]);
      // Eight events fill a group: three groups in one write.
      const together = [log.append([], log.head), ...[0, 1, 2].map(() => appendBatches(log, [8]))];
      await Promise.allSettled(together);
      await log.close();
      const [path = ''] = await segmentsOf(directory);
      const { bytes } = await written(path);
      const starts = groupStarts(bytes);
      const [, second = 0, third = 0] = starts;
      const mark = starts.at(-1) ?? 0;
      bytes.fill(0, second, third);
      bytes.fill(0, mark);
      await writeFile(path, bytes);
      const torn: TornTail[] = [];
      const again = await openFileLog({ directory, onTornTail: (tail) => torn.push(tail) });
      expect(again.head).toBe(2n);
      expect(torn).toMatchObject([{ offset: second }]);
      await again.close();
    }));
});

describe('damage', () => {
  it(
    'of any single byte is found: refused with its file and offset, or a torn mark is cut and nothing is lost',
    () =>
      inMemory(async (directory) => {
        const { path, starts, end } = await small(directory, [1, 1, 2]);
        const mark = starts.at(-1) ?? 0;
        const whole = await openAndRead({ directory });
        for (let offset = 0; offset < end; offset += 1) {
          await flip(path, offset, 1 << (offset % 8));
          if (offset < mark) {
            const group = starts.findLast((start) => start <= offset) ?? 0;
            const damage = await damageOf(openFileLog({ directory }));
            expect(damage).toMatchObject({ file: path, offset: group });
            if (offset % 8 === 0) expect(await verifyLog(directory)).toMatchObject({ intact: false, damage });
            await flip(path, offset, 1 << (offset % 8));
          } else {
            expect(await openAndRead({ directory })).toEqual(whole);
            break;
          }
        }
      }),
    60_000,
  );

  it(
    'in the last write of a log that was not closed is cut as a torn tail, and in any other refused',
    () =>
      inMemory(async (directory) => {
        const { path, bytes, starts } = await small(directory, [1, 1, 2]);
        const [, , last = 0, mark = 0] = starts;
        const crashed = Buffer.concat([bytes.subarray(0, mark), Buffer.alloc(bytes.length - mark)]);
        for (let offset = 0; offset < mark; offset += 1) {
          await writeFile(path, crashed);
          await flip(path, offset);
          if (offset < last) {
            expect(await damageOf(openFileLog({ directory }))).toMatchObject({ file: path });
          } else {
            const torn: TornTail[] = [];
            const log = await openFileLog({ directory, onTornTail: (tail) => torn.push(tail) });
            expect([log.head, torn[0]?.offset]).toEqual([2n, last]);
            await log.close();
          }
        }
      }),
    60_000,
  );

  it(
    'in a sealed segment is met when it is read, and by verify',
    () =>
      inMemory(async (directory) => {
        const options = { directory, segmentBytes: 3000 };
        const log = await openFileLog(options);
        await appendBatches(
          log,
          Array.from({ length: 30 }, () => 2),
        );
        await log.close();
        const [, second = ''] = await segmentsOf(directory);
        const copy = `${second}.copy`;
        await cp(second, copy);
        const { size } = await stat(second);
        for (let offset = 0; offset < size; offset += 13) {
          await flip(second, offset);
          expect(await damageOf(openAndRead(options))).toMatchObject({ file: second });
          expect(await verifyLog(directory)).toMatchObject({ intact: false, damage: { file: second } });
          await cp(copy, second);
        }
        for (const cut of [size - 1, size - 400, 200]) {
          await truncate(second, cut);
          expect((await damageOf(openAndRead(options))).file).toBe(second);
          expect(await verifyLog(directory)).toMatchObject({ intact: false });
          await cp(copy, second);
        }
        expect(await openAndRead(options)).toHaveLength(60);
      }),
    60_000,
  );

  it('by a segment that is missing, or of another log, is named', () =>
    inMemory(async (directory) => {
      for (const name of ['one', 'other']) {
        const log = await openFileLog({ directory: join(directory, name), segmentBytes: 3000 });
        await appendBatches(
          log,
          Array.from({ length: 30 }, () => 2),
        );
        await log.close();
      }
      const one = { directory: join(directory, 'one'), segmentBytes: 3000 };
      const [first = '', second = '', third = ''] = await segmentsOf(one.directory);
      const kept = join(directory, 'kept');
      await cp(second, kept);
      await rm(second);
      expect((await damageOf(openAndRead(one))).what).toMatch(/ends before position|is due/);
      expect(await verifyLog(one.directory)).toMatchObject({ intact: false, damage: { file: third } });
      await cp(join(directory, 'other', basename(second)), second);
      expect(await damageOf(openAndRead(one))).toMatchObject({ what: 'the segment is of another log' });
      await cp(kept, second);
      await rm(first);
      expect((await damageOf(openAndRead(one))).what).toContain('segments before it are missing');
    }));

  it('refuses a format version of the future without calling it damage', () =>
    inMemory(async (directory) => {
      const { path, bytes } = await small(directory, [1]);
      const { crc32c } = await import('@node-rs/crc32');
      bytes.writeUInt32LE(2, 8);
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, 124)), 124);
      await writeFile(path, bytes);
      await expect(openFileLog({ directory })).rejects.toMatchObject({ code: 'failed-precondition' });
    }));
});
