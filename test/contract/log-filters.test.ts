import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Subject } from '../../src/domain/envelope.ts';
import {
  answers,
  filesIn,
  indexAll,
  openIndexed,
  rightAnswers,
  sidecarsIn,
  writeVaried,
} from '../support/indexed-log.ts';
import { inTemporaryDirectory, memoryFolder, readAll, upTo } from '../support/log-events.ts';
import { subjectAt } from '../support/log-queries.ts';

/** A closed log of several segments, with every index. */
const inIndexed = (use: (directory: string) => Promise<void>) =>
  inTemporaryDirectory(async (directory) => {
    await writeVaried(directory);
    await indexAll(directory);
    await use(directory);
  }, memoryFolder);

const answered = async (directory: string, warnings: string[] = []) => {
  const log = await openIndexed(directory, warnings);
  const found = await answers(log);
  await log.close();
  return found;
};

const blooms = (directory: string): string[] => filesIn(directory, '.blooms');

describe('filters over the sealed segments', () => {
  it('change no answer', () =>
    inIndexed(async (directory) => {
      const warnings: string[] = [];
      expect(blooms(directory)).toHaveLength(1);
      expect(await answered(directory, warnings)).toEqual(rightAnswers);
      expect(warnings).toEqual([]);
    }));

  it('keep a question away from the segments that have nothing for it', () =>
    inIndexed(async (directory) => {
      for (const path of sidecarsIn(directory)) writeFileSync(path, 'not asked');
      const warnings: string[] = [];
      const log = await openIndexed(directory, warnings);
      const nobody = upTo(20).map((n) => `container/default/nobody-${n}` as Subject);
      for (const subjects of [nobody.slice(0, 1), nobody]) {
        expect(await readAll(log, { where: { subjects } })).toEqual([]);
      }
      expect(warnings).toEqual([]);
      expect(await readAll(log, { where: { subjects: [subjectAt(3)] } })).not.toEqual([]);
      expect(warnings).not.toEqual([]);
      await log.close();
    }));

  it('are not missed where they are missing, and not trusted where they are damaged', () =>
    inIndexed(async (directory) => {
      const [path = ''] = blooms(directory);
      const whole = readFileSync(path);
      // Every part of the header, and cells and checksums now and then.
      const places = [0, 12, 17, 40, 1056, ...upTo(6).map((part) => 1064 + part * 177_777)];
      for (const at of places) {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ 0x15;
        writeFileSync(path, damaged);
        expect(await answered(directory), `byte ${at}`).toEqual(rightAnswers);
      }
      writeFileSync(path, whole.subarray(0, 3000));
      const warnings: string[] = [];
      expect(await answered(directory, warnings)).toEqual(rightAnswers);
      expect(warnings[0]).toBe(
        `${path} is thrown away and made again: a row of its filters fails its checksum`,
      );
      rmSync(path, { force: true });
      expect(await answered(directory)).toEqual(rightAnswers);
    }));

  it('of another log say nothing, and are taken away', () =>
    inIndexed(async (directory) => {
      await inTemporaryDirectory(async (other) => {
        await writeVaried(other);
        await indexAll(other);
        const [theirs = ''] = blooms(other);
        const [ours = ''] = blooms(directory);
        writeFileSync(ours, readFileSync(theirs));
        expect(await answered(directory)).toEqual(rightAnswers);
        expect(blooms(directory)).toEqual([]);
      }, memoryFolder);
    }));

  it('are made for the segments that have none, in the file that has room', () =>
    inIndexed(async (directory) => {
      const [path = ''] = blooms(directory);
      const before = readFileSync(path).length;
      const log = await openIndexed(directory);
      const last = (await readAll(log)).at(-1);
      for (let left = 6; left > 0 && last !== undefined; left -= 1) {
        const { position: _, ...event } = last;
        await log.append([{ ...event, data: { filling: 'x'.repeat(1500) } }], log.head);
      }
      await log.close();
      await indexAll(directory);
      expect(blooms(directory)).toEqual([path]);
      expect(readFileSync(path).length).toBeGreaterThan(before);
    }));

  it('go with the index of a segment that is about to change', () =>
    inIndexed(async (directory) => {
      const log = await openIndexed(directory);
      const [segment = ''] = filesIn(directory, '.segment');
      await log.files.discardIndex(segment);
      expect(blooms(directory)).toEqual([]);
      expect(await answers(log)).toEqual(rightAnswers);
      await log.close();
    }));
});
