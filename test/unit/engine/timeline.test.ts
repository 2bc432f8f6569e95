import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../../bench/rig/host-history.ts';
import { openCheckpoints } from '../../../src/adapters/checkpoints/directory.ts';
import { createClock } from '../../../src/adapters/linux/clock.ts';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import type { Recorded } from '../../../src/domain/envelope.ts';
import { factOf } from '../../../src/engine/facts.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { Clock } from '../../../src/engine/ports/clock.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import type { Logger } from '../../../src/engine/ports/logger.ts';
import { SavedViews } from '../../../src/engine/saved-views.ts';
import { Timeline } from '../../../src/engine/timeline.ts';
import { emptyViews, evolveViews, type Views } from '../../../src/engine/views.ts';
import { at, inTemporaryDirectory, memoryFolder, readAll } from '../../support/log-events.ts';
import { plain } from '../../support/plain.ts';

const clock = createClock('boot-1');
/** For it no save takes any time, so that a fold saves whenever it may. */
const standing: Clock = { ...clock, now: () => ({ ...clock.now(), mono: 0 }) };
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

interface Past {
  readonly timeline: Timeline;
  readonly log: Log;
  /** Events that were read since the log was opened. */
  readonly read: { count: number };
  /** By position; the fold from the first event. */
  readonly expected: (n: number) => unknown;
}

const counting = (log: Log, read: { count: number }): Log =>
  new Proxy(log, {
    get: (own, name) => {
      if (name !== 'read') {
        const value: unknown = Reflect.get(own, name);
        return typeof value === 'function' ? value.bind(own) : value;
      }
      return async function* (...args: Parameters<Log['read']>) {
        for await (const batch of own.read(...args)) {
          read.count += batch.length;
          yield batch;
        }
      };
    },
  });

const withPast = (every: number, use: (past: Past) => Promise<void>) =>
  inTemporaryDirectory(async (directory) => {
    const written = memoryLog();
    const batches = [...hostHistory(600, { containers: 5, images: 9 })];
    await Promise.all(batches.map((batch) => written.append(batch, written.head)));
    const all: readonly Recorded[] = await readAll(written);
    const read = { count: 0 };
    const log = counting(written, read);
    const options = { every, maxBytes: 1e9 };
    const saved = new SavedViews(log, await openCheckpoints(directory), standing, silent, options);
    const ledger = await Ledger.open(log, clock, saved);
    const fold = (views: Views, event: Recorded) => evolveViews(views, factOf(event));
    const expected = (n: number) => plain(all.slice(0, n).reduce(fold, emptyViews));
    read.count = 0;
    await use({ timeline: new Timeline(log, ledger, saved), log, read, expected });
  }, memoryFolder);

describe('the past', () => {
  it.each([0, 100])('is what a replay gives, with a checkpoint every %d events', (every) =>
    withPast(every, async ({ timeline, log, expected }) => {
      for (const n of [0, 1, 99, 100, 101, 350, 599, Number(log.durable)]) {
        expect(plain(await timeline.viewsAt(at(n)))).toEqual(expected(n));
      }
    }),
  );

  it('is folded from the nearest checkpoint', () =>
    withPast(100, async ({ timeline, read }) => {
      await timeline.viewsAt(at(450));
      expect(read.count).toBeLessThanOrEqual(110);
    }));

  it('is folded from what was asked for just before, where that is nearer', () =>
    withPast(0, async ({ timeline, read, expected }) => {
      await timeline.viewsAt(at(400));
      read.count = 0;
      expect(plain(await timeline.viewsAt(at(410)))).toEqual(expected(410));
      await timeline.viewsAt(at(410));
      expect(read.count).toBe(10);
    }));

  it('is folded once for all who ask at the same time', () =>
    withPast(0, async ({ timeline, read }) => {
      const [one, two] = await Promise.all([timeline.viewsAt(at(300)), timeline.viewsAt(at(300))]);
      expect(one).toBe(two);
      expect(read.count).toBe(300);
    }));

  it('is folded on for the others when one of them leaves', () =>
    withPast(0, async ({ timeline, expected }) => {
      const leaving = new AbortController();
      const left = timeline.viewsAt(at(500), leaving.signal);
      const stays = timeline.viewsAt(at(500));
      leaving.abort(new Error('gone'));
      await expect(left).rejects.toThrow('gone');
      expect(plain(await stays)).toEqual(expected(500));
    }));

  it('is not folded any further when nobody waits for it', () =>
    withPast(0, async ({ timeline, read }) => {
      const leaving = new AbortController();
      const left = timeline.viewsAt(at(600), leaving.signal);
      leaving.abort(new Error('gone'));
      await expect(left).rejects.toThrow('gone');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(read.count).toBeLessThan(600);
      await expect(timeline.viewsAt(at(600), leaving.signal)).rejects.toThrow('gone');
    }));

  it('is bounded: too many positions at once are refused', () =>
    withPast(0, async ({ timeline }) => {
      const asked = Array.from({ length: 20 }, (_, n) => timeline.viewsAt(at(500 + n)));
      const answers = await Promise.allSettled(asked);
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
      expect(answers.at(-1)).toMatchObject({ reason: { code: 'resource-exhausted' } });
    }));

  it('ends at now', () =>
    withPast(0, async ({ timeline, log }) => {
      await expect(timeline.viewsAt(at(Number(log.durable) + 1))).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }));

  it('can be walked event by event', () =>
    withPast(100, async ({ timeline, expected }) => {
      let n = 240;
      for await (const { fact, views } of timeline.walk(at(240), at(260))) {
        expect(fact.position).toBe(at(n));
        n += 1;
        expect(plain(views)).toEqual(expected(n));
      }
      expect(n).toBe(260);
    }));

  it('lets others go on while it is folded', () =>
    withPast(0, async ({ timeline }) => {
      let turns = 0;
      const counter = setInterval(() => {
        turns += 1;
      }, 0);
      await timeline.viewsAt(at(600));
      clearInterval(counter);
      expect(turns).toBeGreaterThan(0);
    }));
});
