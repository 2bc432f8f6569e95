import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answers, openIndexed, rightAnswers, sidecarsIn } from '../support/indexed-log.ts';
import { inTemporaryDirectory } from '../support/log-events.ts';
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
      expect(await answers(again)).toEqual(rightAnswers);
      await again.close();
      expect(warnings).toEqual([]);
    }));
});
