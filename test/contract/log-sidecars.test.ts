import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { discardSidecar } from '../../src/adapters/log-file/index/sidecar-file.ts';
import { realDisk } from '../../src/adapters/log-file/real-disk.ts';
import {
  answers,
  buildSidecars,
  openIndexed,
  rightAnswers,
  sidecarsIn,
  writeVaried,
} from '../support/indexed-log.ts';
import { at, inTemporaryDirectory, memoryFolder, readAll } from '../support/log-events.ts';

const inMemory = <T>(use: (directory: string) => Promise<T>) => inTemporaryDirectory(use, memoryFolder);

/** A log with its sidecars, something done to them, and what is found then. */
const changed = (change: (sidecars: string[]) => void) =>
  inMemory(async (directory) => {
    await writeVaried(directory);
    const sidecars = await buildSidecars(directory);
    change(sidecars);
    const warnings: string[] = [];
    const log = await openIndexed(directory, warnings);
    const found = await answers(log);
    await log.close();
    return { found, warnings, sidecars, left: sidecarsIn(directory) };
  });

describe('an index beside each sealed segment', () => {
  it('answers as a look at every event does', async () => {
    const { found, warnings, sidecars } = await changed(() => undefined);
    expect(sidecars.length).toBeGreaterThan(5);
    expect(found).toEqual(rightAnswers);
    expect(warnings).toEqual([]);
  });

  it('is not missed where it is missing', async () => {
    const { found } = await changed((sidecars) => {
      for (const path of sidecars.slice(1, 4)) rmSync(path);
    });
    expect(found).toEqual(rightAnswers);
  });

  it('is thrown away where it is of another segment', async () => {
    const { found, warnings, sidecars, left } = await changed(([first = '', second = '']) =>
      copyFileSync(first, second),
    );
    expect(found).toEqual(rightAnswers);
    expect(warnings).toEqual([
      `${sidecars[1]} is thrown away and made again: its header does not fit the segment`,
    ]);
    expect(left).toEqual(sidecars.filter((path) => path !== sidecars[1]));
  });

  it('is thrown away where it is cut short', async () => {
    const { found, warnings } = await changed(([first = '']) =>
      writeFileSync(first, readFileSync(first).subarray(0, 1000)),
    );
    expect(found).toEqual(rightAnswers);
    expect(warnings).toHaveLength(1);
  });

  it('never changes an answer, whichever byte of it is flipped', () =>
    inMemory(async (directory) => {
      await writeVaried(directory);
      const [, path = ''] = await buildSidecars(directory);
      const whole = readFileSync(path);
      // All would take long; padding least of all.
      for (let byte = 0; byte < whole.length; byte += whole[byte] === 0 ? 211 : 61) {
        const damaged = Buffer.from(whole);
        damaged[byte] = (damaged[byte] ?? 0) ^ 0x15;
        writeFileSync(path, damaged);
        const log = await openIndexed(directory);
        expect(await answers(log), `byte ${byte}`).toEqual(rightAnswers);
        await log.close();
      }
    }));

  it('is left behind by no segment that is gone', () =>
    inMemory(async (directory) => {
      await writeVaried(directory);
      const [first = ''] = await buildSidecars(directory);
      writeFileSync(first.replace(/\d{20}/, '99999999999999999999'), 'x');
      writeFileSync(`${first}.tmp`, 'x');
      await (await openIndexed(directory)).close();
      expect(sidecarsIn(directory).some((path) => path.includes('999'))).toBe(false);
    }));

  it('can be discarded, also twice', () =>
    inMemory(async (directory) => {
      await writeVaried(directory);
      const [first = '', ...rest] = await buildSidecars(directory);
      const segment = first.replace(/index$/, 'segment');
      await discardSidecar(realDisk, segment);
      await discardSidecar(realDisk, segment);
      expect(sidecarsIn(directory)).toEqual(rest);
    }));

  it('tells where a position is, without reading its segment', () =>
    inMemory(async (directory) => {
      await writeVaried(directory);
      await buildSidecars(directory);
      const log = await openIndexed(directory);
      for (const n of [0, 3, 17, 40, 58]) {
        expect(await readAll(log, { from: at(n), to: at(n + 1) })).toMatchObject([{ position: BigInt(n) }]);
      }
      await log.close();
    }));
});
