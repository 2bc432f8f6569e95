import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { WriterLock } from '../../src/adapters/log-file/lock.ts';
import { realDisk } from '../../src/adapters/log-file/real-disk.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { because, fill, openKeptLog, RememberedViews, watchedDisk } from '../support/kept-log.ts';
import { at, inTemporaryDirectory, positionsOf, readAll } from '../support/log-events.ts';

const EVENTS = 60;

/** A disk whose calls come to no end from a certain one on, as those of a killed program. */
const dyingDisk = (calls: number) => {
  let left = Number.POSITIVE_INFINITY;
  let held: WriterLock | undefined;
  let die = (): void => undefined;
  const died = new Promise<'died'>((resolve) => {
    die = () => resolve('died');
  });
  const stopped = new Promise<never>(() => undefined);
  const watched = watchedDisk(realDisk, () => {
    left -= 1;
    if (left <= 0) die();
  });
  const until = <A extends readonly unknown[], R>(act: (...given: A) => Promise<R>) => {
    return (...given: A): Promise<R> => {
      left -= 1;
      if (left > 0) return act(...given);
      die();
      return stopped;
    };
  };
  return {
    died,
    begin: () => {
      left = calls;
    },
    /** The kernel lets go of what a dead program held. */
    release: () => held?.release(),
    disk: {
      ...watched,
      rename: until(realDisk.rename),
      remove: until(realDisk.remove),
      syncDirectory: until(realDisk.syncDirectory),
      lock: async (directory: string) => {
        held = await realDisk.lock(directory);
        return held;
      },
    },
  };
};

it(
  'a log that is being restored is pruned or whole after a kill at any step, and never loses what was there',
  () =>
    inTemporaryDirectory(async (folder) => {
      const [before, archive, directory] = [
        join(folder, 'before'),
        join(folder, 'archive'),
        join(folder, 'log'),
      ];
      const views = new RememberedViews();
      const first = await openKeptLog(before, views);
      await fill(first, 0, EVENTS);
      await first.keeping.archive(archive, undefined, because);
      const { horizon } = await first.keeping.prune(at(EVENTS - 10), false, because);
      await first.log.close();
      const seen = { pruned: 0, whole: 0 };
      for (let calls = 1, done = false; !done; calls += 1) {
        rmSync(directory, { recursive: true, force: true });
        cpSync(before, directory, { recursive: true });
        const { disk, died, begin, release } = dyingDisk(calls);
        const kept = await openKeptLog(directory, views, { disk });
        begin();
        const work = kept.keeping.restore([archive], because).then(() => 'done' as const);
        done = (await Promise.race([died, work])) === 'done';
        release();
        expect(await verifyLog(directory), `killed at call ${calls}`).toMatchObject({ intact: true });
        const again = await openKeptLog(directory, views);
        const events = await readAll(again.log);
        const restored = events.some(({ type }) => type === 'log-restored');
        seen[restored ? 'whole' : 'pruned'] += 1;
        expect(again.log.horizon).toBe(restored ? 0n : horizon);
        expect(positionsOf(events)[0]).toBe(restored ? 0 : Number(horizon));
        expect(events.length).toBe(Number(again.log.durable - again.log.horizon));
        await again.log.close();
        expect(await verifyLog(directory)).toMatchObject({
          intact: true,
          horizon: restored ? 0 : Number(horizon),
        });
      }
      expect(seen.pruned).toBeGreaterThan(3);
      expect(seen.whole).toBeGreaterThan(0);
    }),
  120_000,
);
