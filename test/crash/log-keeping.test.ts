import { describe, expect, it } from 'vitest';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { folded } from '../../src/engine/fold.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import {
  because,
  fill,
  type KeptLog,
  noteIn,
  noteOf,
  openKeptLog,
  RememberedViews,
  textOf,
  watchedDisk,
} from '../support/kept-log.ts';
import { at } from '../support/log-events.ts';
import { plain } from '../support/plain.ts';
import { seededRandom } from '../support/random.ts';

const directory = '/log';
const EVENTS = 40;

interface Crashed {
  readonly fake: FakeDisk;
  readonly views: RememberedViews;
  /** Whether the work came to its end. */
  readonly finished: boolean;
}

/** Does some work on a log of {@link EVENTS} events; the power goes before the call number `calls` that changes something. */
const crashing = async (
  seed: number,
  calls: number,
  work: (kept: KeptLog) => Promise<unknown>,
): Promise<Crashed> => {
  const fake = new FakeDisk(seededRandom(seed));
  const views = new RememberedViews();
  const first = await openKeptLog(directory, views, { disk: fake.mounted() });
  await fill(first, 0, EVENTS);
  await first.log.close();
  let left = Number.POSITIVE_INFINITY;
  let die = (): void => undefined;
  const died = new Promise<'died'>((resolve) => {
    die = () => resolve('died');
  });
  const disk = watchedDisk(fake.mounted(), () => {
    left -= 1;
    if (left !== 0) return;
    fake.crash();
    die();
  });
  const kept = await openKeptLog(directory, views, { disk });
  left = calls;
  const ended = await Promise.race([died, work(kept).then(() => 'done' as const)]);
  if (ended === 'done') fake.crash();
  return { fake, views, finished: ended === 'done' };
};

/** Crashes before every call in turn, until the work is through. */
const atEveryCall = async (
  work: (kept: KeptLog) => Promise<unknown>,
  look: (crashed: Crashed, calls: number) => Promise<void>,
): Promise<number> => {
  for (let calls = 1; ; calls += 1) {
    const crashed = await crashing(20_261_121 + calls, calls, work);
    await look(crashed, calls);
    if (crashed.finished) return calls;
  }
};

const eventTypes = async ({ log }: KeptLog): Promise<readonly string[]> => {
  const types: string[] = [];
  for await (const batch of log.read()) types.push(...batch.map(({ type }) => type));
  return types;
};

/** The views held are what the files say. */
const expectTrueViews = async ({ log, ledger }: KeptLog, views: RememberedViews): Promise<void> => {
  const from = await views.below(log.horizon);
  const fresh = await folded(log, { from, to: log.durable });
  expect(plain(ledger.durable)).toEqual(plain(fresh));
};

describe('the power goes while an event is redacted', () => {
  it.each([
    ['a closed file', 2],
    ['the file that is being written', EVENTS - 1],
  ])('in %s: the event is as it was, or redacted everywhere after the next start', async (_, n) => {
    const calls = await atEveryCall(
      ({ keeping }) => keeping.redact(at(n), ['labels.note'], because),
      async ({ fake, views, finished }, number) => {
        const disk = fake.mounted();
        const kept = await openKeptLog(directory, views, { disk });
        const recorded = (await eventTypes(kept)).includes('payload-redacted');
        if (finished) expect(recorded).toBe(true);
        expect([number, noteIn(kept.ledger.durable, n)]).toEqual([
          number,
          recorded ? '[redacted]' : noteOf(n),
        ]);
        await expectTrueViews(kept, views);
        await kept.log.close();
        expect((await textOf(disk, directory)).includes(noteOf(n))).toBe(!recorded);
        expect(await verifyLog(directory, { disk })).toMatchObject({ intact: true });
      },
    );
    expect(calls).toBeGreaterThan(8);
  });
});

describe('the power goes while the log is pruned', () => {
  it('begins where it began, or at the horizon after the next start', async () => {
    const horizons = new Set<bigint>();
    const calls = await atEveryCall(
      ({ keeping }) => keeping.prune(at(EVENTS - 5), true, because),
      async ({ fake, views, finished }) => {
        const disk = fake.mounted();
        const kept = await openKeptLog(directory, views, { disk });
        const { keeping } = kept.ledger.durable.world;
        expect(kept.log.horizon).toBe(keeping.horizon);
        horizons.add(kept.log.horizon);
        if (finished) expect(kept.log.horizon).toBeGreaterThan(0n);
        for (let n = 0; n < EVENTS; n += 1) expect(noteIn(kept.ledger.durable, n)).toBe(noteOf(n));
        await expectTrueViews(kept, views);
        await fill(kept, EVENTS, EVENTS + 3);
        await kept.log.close();
        const verified = await verifyLog(directory, { disk });
        expect(verified).toMatchObject({ intact: true, horizon: Number(keeping.horizon) });
      },
    );
    expect(calls).toBeGreaterThan(8);
    expect(horizons.size).toBe(2);
  });
});
