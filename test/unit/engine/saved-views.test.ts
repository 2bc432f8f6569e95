import { firstValueFrom, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../../bench/rig/host-history.ts';
import { openCheckpoints } from '../../../src/adapters/checkpoints/directory.ts';
import { createClock } from '../../../src/adapters/linux/clock.ts';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import type { Envelope } from '../../../src/domain/envelope.ts';
import type { Position } from '../../../src/domain/identity.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { Clock } from '../../../src/engine/ports/clock.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import type { Logger } from '../../../src/engine/ports/logger.ts';
import { SavedViews } from '../../../src/engine/saved-views.ts';
import { Timeline } from '../../../src/engine/timeline.ts';
import { encodeViews } from '../../../src/engine/views-codec.ts';
import { at, inTemporaryDirectory, memoryFolder } from '../../support/log-events.ts';
import { plain } from '../../support/plain.ts';

const history = [...hostHistory(900, { containers: 10, images: 9 })];
const clock = createClock('boot-1');

const appendAll = async (log: Log, batches: readonly (readonly Envelope[])[]): Promise<void> => {
  await Promise.all(batches.map((batch) => log.append(batch, log.head)));
};

/** A log that seems to begin later, and counts what is read of it. */
const watched = (log: Log, horizon: Position = at(0)) => {
  const read = { events: 0 };
  const seen: Log = {
    append: (events, expected) => log.append(events, expected),
    subscribe: (from) => log.subscribe(from),
    settled: (until) => log.settled(until),
    close: () => log.close(),
    get head() {
      return log.head;
    },
    get durable() {
      return log.durable;
    },
    horizon,
    async *read(range) {
      if ((range?.from ?? horizon) < horizon) throw new Error('pruned');
      for await (const batch of log.read(range)) {
        read.events += batch.length;
        yield batch;
      }
    },
  };
  return { log: seen, read };
};

interface Told {
  readonly logger: Logger;
  readonly warnings: string[];
  readonly infos: Record<string, unknown>[];
}
const telling = (): Told => {
  const warnings: string[] = [];
  const infos: Record<string, unknown>[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: (message, fields) => infos.push({ message, ...fields }),
    warn: (message) => warnings.push(message),
    error: (message) => warnings.push(message),
    child: () => logger,
  };
  return { logger, warnings, infos };
};

const options = { every: 150, maxBytes: 1e9 };

/** A host's log and its folder of checkpoints, as a start finds them. */
const inHost = (use: (host: { readonly log: Log; readonly directory: string }) => Promise<void>) =>
  inTemporaryDirectory(async (directory) => {
    const log = memoryLog();
    await appendAll(log, history);
    await use({ log, directory });
  }, memoryFolder);

const startOn = async (log: Log, directory: string, more: Partial<typeof options> = {}, time = clock) => {
  const store = await openCheckpoints(directory);
  const told = telling();
  const saved = new SavedViews(log, store, time, told.logger, { ...options, ...more });
  return { store, saved, ...told };
};

/** A clock that goes on by some microseconds each time somebody looks. */
const slowClock = (step: number): Clock => {
  let mono = 0;
  return {
    ...clock,
    now: () => {
      mono += step;
      return { ...clock.now(), mono };
    },
  };
};

describe('a start', () => {
  it('folds everything where nothing is saved, saving on its way, and says how long it took', () =>
    inHost(async ({ log, directory }) => {
      const { saved, store, infos } = await startOn(log, directory, {}, slowClock(0));
      const views = await saved.restore();
      expect(views.world.position).toBe(log.durable);
      expect(store.list().length).toBeGreaterThanOrEqual(2);
      expect(infos).toEqual([
        {
          message: 'the state was restored',
          checkpoint: '0',
          events: Number(log.durable),
          ms: expect.any(Number),
        },
      ]);
    }));

  it('saves no more on its way than a tenth of its time is enough for', () =>
    inHost(async ({ log, directory }) => {
      // To save takes as long as to fold up to where it would be saved next.
      const { saved, store } = await startOn(log, directory, {}, slowClock(1));
      await saved.restore();
      expect(store.list()).toHaveLength(1);
    }));

  it('goes on saving however long the log is, where the host does not grow', () =>
    inHost(async ({ log, directory }) => {
      // A tenth of its looks at the clock is for saving: some 180 looks, and the host has its containers after the first 20.
      const { saved, store } = await startOn(log, directory, { every: 5 }, slowClock(1));
      await saved.restore();
      expect(store.list().length).toBeGreaterThan(5);
    }));

  it('goes on from what one saved that was cut off', () =>
    inHost(async ({ log, directory }) => {
      await (await startOn(log, directory, {}, slowClock(1))).saved.restore();
      const { saved, store, infos } = await startOn(log, directory);
      const newest = store.list().at(-1)?.position ?? at(0);
      await saved.restore();
      expect(infos).toMatchObject([{ checkpoint: String(newest) }]);
      expect(newest).toBeGreaterThan(0n);
      expect(newest).toBeLessThan(log.durable);
    }));

  it('gives what a full replay gives, from any checkpoint there is', () =>
    inHost(async ({ log, directory }) => {
      const first = await startOn(log, directory);
      const full = plain(await first.saved.restore());
      for (;;) {
        const again = await startOn(log, directory, { every: 0 });
        expect(plain(await again.saved.restore())).toEqual(full);
        const newest = again.store.list().at(-1);
        if (newest === undefined) break;
        await again.store.remove(newest.position);
      }
    }));

  it('reads the tail only', () =>
    inHost(async ({ log, directory }) => {
      const first = await startOn(log, directory);
      await first.saved.save(await first.saved.restore());
      const { log: seen, read } = watched(log);
      await (await startOn(seen, directory)).saved.restore();
      expect(read.events).toBeLessThanOrEqual(2);
    }));

  it('saves nothing where that is turned off', () =>
    inHost(async ({ log, directory }) => {
      const { saved, store } = await startOn(log, directory, { every: 0 });
      const views = await saved.restore();
      saved.started(views);
      await saved.close(views);
      expect(store.list()).toEqual([]);
    }));
});

describe('a checkpoint that does not fit is told of, removed and not used:', () => {
  it('one from beyond the end of the log, which was put back from an older copy', () =>
    inHost(async ({ log, directory }) => {
      const first = await startOn(log, directory);
      await first.saved.save(await first.saved.restore());
      const shorter = memoryLog();
      await appendAll(shorter, history.slice(0, 100));
      const { saved, store, warnings } = await startOn(shorter, directory);
      expect(plain(await saved.restore())).toEqual(plain((await Ledger.open(shorter, clock)).durable));
      expect(warnings.join()).toMatch(/put back from an older copy; it was removed/);
      expect(store.list().every(({ position }) => position <= shorter.durable)).toBe(true);
    }));

  it('one of a log that went another way since', () =>
    inHost(async ({ log, directory }) => {
      const first = await startOn(log, directory);
      await first.saved.save(await first.saved.restore());
      const forked = memoryLog();
      await appendAll(forked, history.slice(0, 50));
      await appendAll(forked, [...hostHistory(1200, { containers: 10, images: 9, seed: 2 })].slice(60));
      const { saved, warnings } = await startOn(forked, directory, { every: 0 });
      expect(plain(await saved.restore())).toEqual(plain((await Ledger.open(forked, clock)).durable));
      expect(warnings.join()).toMatch(/the event before it is another one/);
    }));

  it('one that another version made', () =>
    inHost(async ({ log, directory }) => {
      const { saved, store, warnings } = await startOn(log, directory);
      await store.save({ position: at(700), schema: 'views 0', last: '' }, []);
      expect((await saved.below(at(720))).world.position).toBe(at(0));
      expect(warnings.join()).toMatch(/another version of Shiplog made it; it was removed/);
      expect(store.list()).toEqual([]);
    }));
});

describe('a log whose beginning was pruned', () => {
  const pruned = async (log: Log, directory: string) => {
    const before = await startOn(log, directory);
    const horizon = at(400);
    await before.saved.keep(await new Timeline(log, await Ledger.open(log, clock)).viewsAt(horizon));
    return { horizon, seen: watched(log, horizon).log, full: plain((await Ledger.open(log, clock)).durable) };
  };

  it('is folded from the checkpoint at its horizon', () =>
    inHost(async ({ log, directory }) => {
      const { seen, full } = await pruned(log, directory);
      const { saved } = await startOn(seen, directory);
      const ledger = await Ledger.open(seen, clock, saved);
      expect(plain(ledger.durable)).toEqual(full);
      const timeline = new Timeline(seen, ledger, saved);
      expect(plain(await timeline.refolded(seen.durable))).toEqual(full);
      await expect(timeline.viewsAt(at(399))).rejects.toMatchObject({ code: 'failed-precondition' });
    }));

  it('does not open without a checkpoint there, and says what to do', () =>
    inHost(async ({ log, directory }) => {
      const { seen } = await pruned(log, directory);
      const { saved, store } = await startOn(seen, directory);
      await store.remove(at(400));
      await expect(saved.restore()).rejects.toMatchObject({
        code: 'data-loss',
        message: expect.stringMatching(/begins at position 400.*put back the checkpoint of position 400/),
      });
    }));

  it('takes the checkpoint of its horizon also from an earlier version, and no other', () =>
    inHost(async ({ log, directory }) => {
      const { seen, full } = await pruned(log, directory);
      const { saved, store, warnings } = await startOn(seen, directory);
      const views = await saved.below(at(400));
      const schema = 'views 1, a kind of event that was known 1';
      await store.save({ position: at(400), schema, last: '' }, encodeViews(views));
      expect(plain(await saved.restore())).toEqual(full);
      expect(warnings).toEqual([]);
      await store.save({ position: at(500), schema, last: '' }, encodeViews(views));
      expect((await saved.below(at(500))).world.position).not.toBe(500n);
      expect(warnings.join()).toMatch(/another version of Shiplog made it; it was removed/);
    }));

  it('keeps a damaged checkpoint of its horizon for a person to look at', () =>
    inHost(async ({ log, directory }) => {
      const { seen } = await pruned(log, directory);
      const { saved, store, warnings } = await startOn(seen, directory);
      await store.save({ position: at(400), schema: 'views 0', last: '' }, []);
      await expect(saved.restore()).rejects.toMatchObject({ code: 'data-loss' });
      expect(warnings.join()).toMatch(/left as it is/);
      expect(store.list()).toHaveLength(1);
    }));
});

describe('saved views', () => {
  it('are saved with rests while nobody waits for them, and without once somebody does', () =>
    inHost(async ({ log, directory }) => {
      const { saved, store } = await startOn(log, directory);
      const views = (await Ledger.open(log, clock)).durable;
      const resting: (boolean | undefined)[] = [];
      const asked = new Subject<void>();
      const over = new Subject<void>();
      store.save = async (_header, _lines, rests) => {
        const end = firstValueFrom(over, { defaultValue: undefined });
        resting.push(rests?.());
        asked.next();
        await end;
        resting.push(rests?.());
      };
      const begun = firstValueFrom(asked);
      saved.offer(views);
      await begun;
      const closed = saved.close(views);
      over.complete();
      await closed;
      // The last of them is that of the end itself, since nothing was kept by the first.
      expect(resting).toEqual([true, false, undefined, undefined]);
    }));

  it('are made while events come in, and at the end', () =>
    inTemporaryDirectory(async (directory) => {
      const log = memoryLog();
      const { saved, store } = await startOn(log, directory, { every: 10 });
      const ledger = await Ledger.open(log, clock, saved);
      saved.follow(ledger);
      const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: '' }, correlation: 'c' };
      for (let n = 0; n < 35; n += 1) {
        await ledger.dispatch([{ type: 'stop-daemon', because: `${n}` }], cause);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await saved.close(ledger.durable);
      expect(store.list().length).toBeGreaterThanOrEqual(3);
      expect(store.list().at(-1)?.position).toBe(at(35));
    }, memoryFolder));

  it('are not looked through at every event', () =>
    inTemporaryDirectory(async (directory) => {
      const log = memoryLog();
      const { saved, store } = await startOn(log, directory, { every: 1000 });
      const ledger = await Ledger.open(log, clock, saved);
      const { list } = store;
      let looks = 0;
      store.list = () => {
        looks += 1;
        return list();
      };
      saved.follow(ledger);
      const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: '' }, correlation: 'c' };
      for (let n = 0; n < 100; n += 1) await ledger.dispatch([{ type: 'stop-daemon', because: '' }], cause);
      expect(looks).toBe(10);
    }, memoryFolder));

  it('above a changed event are forgotten', () =>
    inHost(async ({ log, directory }) => {
      const { saved, store } = await startOn(log, directory);
      await saved.restore();
      await saved.forget(at(600));
      expect(store.list().length).toBeGreaterThan(0);
      expect(store.list().every(({ position }) => position <= at(600))).toBe(true);
    }));
});
