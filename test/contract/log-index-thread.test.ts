import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { answers, filesIn, openIndexed, rightAnswers, sidecarsIn } from '../support/indexed-log.ts';
import { event, inTemporaryDirectory, positionsOf, readAll } from '../support/log-events.ts';
import { appendVaried } from '../support/log-queries.ts';

const until = async (holds: () => boolean): Promise<void> => {
  for (let left = 500; !holds(); left -= 1) {
    if (left === 0) throw new Error('it does not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('the thread that makes indexes', () => {
  it('makes them when segments are sealed, and those that are missing at the next start', () =>
    inTemporaryDirectory(async (directory) => {
      const warnings: string[] = [];
      const log = await openIndexed(directory, warnings);
      await appendVaried(log);
      await until(() => sidecarsIn(directory).length > 5);
      expect(await answers(log)).toEqual(rightAnswers);
      await log.close();
      const made = sidecarsIn(directory);
      for (const path of made.slice(0, 3)) rmSync(path);
      const again = await openIndexed(directory, warnings);
      expect(await answers(again)).toEqual(rightAnswers);
      await until(() => made.every((path) => sidecarsIn(directory).includes(path)));
      await until(() => filesIn(directory, '.blooms').length === 1);
      expect(await answers(again)).toEqual(rightAnswers);
      await again.close();
      expect(warnings).toEqual([]);
    }));

  it('makes one of what has been written to the last segment, when that is long', () =>
    inTemporaryDirectory(async (directory) => {
      const warnings: string[] = [];
      const log = await openFileLog({ directory, warn: (message) => warnings.push(message) });
      const filling = 'x'.repeat(64 * 1024);
      for (let n = 0; n < 150; n += 1) await log.append([event(n, { filling })], log.head);
      await until(() => filesIn(directory, '.stretch').length === 1);
      const found = await readAll(log, { where: { correlations: ['request-7', 'request-149'] } });
      expect(positionsOf(found)).toEqual([7, 149]);
      await log.close();
      expect(warnings).toEqual([]);
    }));
});
