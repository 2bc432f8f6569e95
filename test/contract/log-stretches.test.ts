import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import type { Envelope, Subject } from '../../src/domain/envelope.ts';
import { filesIn, indexAll } from '../support/indexed-log.ts';
import { event, inTemporaryDirectory, memoryFolder, positionsOf, readAll } from '../support/log-events.ts';

/** Positions are noted once in so many bytes of a segment: a stretch is not shorter. */
const STEP = 256 * 1024;

const names = ['one', 'two', 'three'];
const subjectOf = (n: number): Subject => `container/default/thing-${names[n % names.length]}` as Subject;

/** Of 16 KiB or so. */
const large = (n: number, filling: string): Envelope => ({
  ...event(n),
  subject: subjectOf(n),
  data: { n, filling: filling.repeat(16_000) },
});

const open = (directory: string, warnings: string[] = []) =>
  openFileLog({ directory, indexFromBytes: 0, warn: (message) => warnings.push(message) });

const append = async (directory: string, count: number, filling = 'x'): Promise<void> => {
  const log = await open(directory);
  for (let left = count; left > 0; left -= 1) {
    const n = Number(log.head);
    await log.append([large(n, filling)], log.head);
  }
  await log.close();
};

const stretches = (directory: string): string[] => filesIn(directory, '.stretch');

/** Which positions are found under each name, both ways. */
const found = async (directory: string, warnings: string[] = []) => {
  const log = await open(directory, warnings);
  const all = [];
  for (const [number] of names.entries()) {
    const where = { subjects: [subjectOf(number)] };
    const forward = positionsOf(await readAll(log, { where }));
    expect(positionsOf(await readAll(log, { where, backward: true }))).toEqual(forward.toReversed());
    all.push(forward);
  }
  await log.close();
  return all;
};

const expected = (count: number): readonly number[][] =>
  names.map((_, number) =>
    Array.from({ length: count }, (__, n) => n).filter((n) => n % names.length === number),
  );

/** A log whose only segment has two stretches, and events behind them. */
const inStretched = (use: (directory: string) => Promise<void>) =>
  inTemporaryDirectory(async (directory) => {
    for (const count of [60, 60]) {
      await append(directory, count);
      await indexAll(directory, STEP);
    }
    await append(directory, 10);
    await use(directory);
  }, memoryFolder);

describe('indexes of stretches of the segment that is being written', () => {
  it('answer together with a search of what is behind them', () =>
    inStretched(async (directory) => {
      const warnings: string[] = [];
      expect(stretches(directory)).toHaveLength(2);
      expect(await found(directory, warnings)).toEqual(expected(130));
      expect(warnings).toEqual([]);
    }));

  it('are asked: what they say of a place is looked at', () =>
    inStretched(async (directory) => {
      const [first = ''] = stretches(directory);
      const whole = readFileSync(first);
      // Behind the header: the table of offsets.
      whole[200] = (whole[200] ?? 0) ^ 0x15;
      writeFileSync(first, whole);
      const warnings: string[] = [];
      expect(await found(directory, warnings)).toEqual(expected(130));
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(`${first} is thrown away and made again`);
    }));

  it('are not of use behind a gap, or where one is damaged', () =>
    inStretched(async (directory) => {
      const [first = ''] = stretches(directory);
      writeFileSync(first, 'damaged');
      expect(await found(directory)).toEqual(expected(130));
      expect(stretches(directory)).toEqual([]);
    }));

  it('are not of a log that was put back from an older copy and written on', () =>
    inTemporaryDirectory(async (directory) => {
      await append(directory, 20);
      const [segment = ''] = filesIn(directory, '.segment');
      copyFileSync(segment, `${segment}.copy`);
      await append(directory, 60);
      await indexAll(directory, STEP);
      expect(stretches(directory)).toHaveLength(1);
      copyFileSync(`${segment}.copy`, segment);
      await append(directory, 80, 'y');
      expect(await found(directory)).toEqual(expected(100));
      expect(stretches(directory)).toEqual([]);
    }, memoryFolder));

  it('are replaced by the index of the segment once that is sealed', () =>
    inStretched(async (directory) => {
      const log = await open(directory);
      await log.files.seal();
      await log.close();
      await indexAll(directory, STEP);
      expect(filesIn(directory, '.index')).toHaveLength(1);
      expect(await found(directory)).toEqual(expected(130));
      expect(stretches(directory)).toEqual([]);
    }));

  it('go with the index of a segment that is about to change', () =>
    inStretched(async (directory) => {
      const log = await open(directory);
      await log.files.seal();
      const [segment = ''] = filesIn(directory, '.segment');
      await log.files.discardIndex(segment);
      expect(stretches(directory)).toEqual([]);
      await log.close();
      expect(await found(directory)).toEqual(expected(130));
    }));
});
