import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../../../src/adapters/log-file/file-log.ts';
import { openAndRead, segmentsOf } from '../../../support/log-damage.ts';
import {
  appendBatches,
  at,
  event,
  inTemporaryDirectory,
  positionsOf,
  readAll,
  upTo,
} from '../../../support/log-events.ts';

describe('a log in a file, opened again', () => {
  it('has what was appended and goes on after it', () =>
    inTemporaryDirectory(async (directory) => {
      for (const round of [0, 1, 2]) {
        const log = await openFileLog({ directory });
        expect(log.head).toBe(BigInt(round * 5));
        await appendBatches(log, [1, 3, 1]);
        await log.close();
      }
      expect((await openAndRead({ directory })).map(({ data }) => data)).toEqual(
        upTo(15).map((n) => ({ n })),
      );
    }));

  it('makes its directory, for the owner only', () =>
    inTemporaryDirectory(async (directory) => {
      const deep = join(directory, 'a', 'b');
      await (await openFileLog({ directory: deep })).close();
      expect((await stat(deep)).mode & 0o777).toBe(0o700);
      const [segment = ''] = await segmentsOf(deep);
      expect((await stat(segment)).mode & 0o777).toBe(0o600);
    }));

  it('keeps events readable by strings(1)', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await log.append([event(7)], at(0));
      await log.close();
      const [segment = ''] = await segmentsOf(directory);
      const text = await readFile(segment, 'latin1');
      expect(text).toContain('"type":"test.happened"');
      expect(text).toContain('{"n":7}');
    }));

  it('spreads over segments, sealed at their exact size, and reads across them', () =>
    inTemporaryDirectory(async (directory) => {
      const options = { directory, segmentBytes: 4000 };
      const log = await openFileLog(options);
      await appendBatches(
        log,
        upTo(60).map((n) => 1 + (n % 5)),
      );
      const head = Number(log.head);
      const whole = positionsOf(await readAll(log));
      await log.close();
      const segments = await segmentsOf(directory);
      expect(segments.length).toBeGreaterThan(8);
      for (const sealed of segments.slice(0, -1)) expect((await stat(sealed)).size).toBeLessThan(8000);
      expect(whole).toEqual(upTo(head));
      const again = await openFileLog(options);
      expect(positionsOf(await readAll(again))).toEqual(upTo(head));
      for (const from of [0, 1, 17, head - 1, head]) {
        const backward = await readAll(again, { from: at(from), backward: true });
        expect(positionsOf(backward)).toEqual(upTo(head).slice(from).reverse());
        expect(positionsOf(await readAll(again, { from: at(from) }))).toEqual(upTo(head).slice(from));
      }
      await again.close();
    }));

  it('finds positions by its index in a long segment', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(
        log,
        upTo(400).map(() => 10),
      );
      await log.close();
      const again = await openFileLog({ directory });
      for (const from of [0, 5, 999, 2500, 3999]) {
        expect(positionsOf(await readAll(again, { from: at(from), to: at(from + 3) }))).toEqual(
          upTo(4000).slice(from, from + 3),
        );
      }
      expect(positionsOf(await readAll(again, { backward: true }))).toEqual(upTo(4000).reverse());
      await again.close();
    }));

  it('clears away a segment that never got its name', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(log, [2]);
      await log.close();
      const leftover = join(directory, '00000000000000000002.segment.tmp');
      await writeFile(leftover, 'half a header');
      expect(await openAndRead({ directory })).toHaveLength(2);
      await expect(stat(leftover)).rejects.toMatchObject({ code: 'ENOENT' });
    }));

  it('refuses a second writer, naming the first, and lets one in after it', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await expect(openFileLog({ directory })).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`process ${process.pid} has it open`),
      });
      await appendBatches(log, [1]);
      await log.close();
      expect(await openAndRead({ directory })).toHaveLength(1);
    }));

  it('can be read to its end after it was closed', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(log, [4]);
      await log.close();
      expect(await readAll(log)).toHaveLength(4);
    }));
});
