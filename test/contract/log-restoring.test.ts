import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import {
  because,
  fill,
  type KeptLog,
  noteIn,
  noteOf,
  openKeptLog,
  RememberedViews,
} from '../support/kept-log.ts';
import { at, inTemporaryDirectory, positionsOf, readAll, upTo } from '../support/log-events.ts';

const EVENTS = 60;

interface Host {
  readonly directory: string;
  readonly archive: string;
  readonly views: RememberedViews;
  readonly kept: KeptLog;
  readonly horizon: bigint;
}

/** A log that was archived and pruned, on a real disk. @param before what happens between the two */
const pruned = (
  use: (host: Host) => Promise<void>,
  before: (kept: KeptLog) => Promise<unknown> = async () => undefined,
): Promise<void> =>
  inTemporaryDirectory(async (folder) => {
    const directory = join(folder, 'log');
    const archive = join(folder, 'archive');
    const views = new RememberedViews();
    const kept = await openKeptLog(directory, views);
    await fill(kept, 0, EVENTS);
    await kept.keeping.archive(archive, undefined, because);
    await before(kept);
    const { horizon } = await kept.keeping.prune(at(EVENTS - 10), true, because);
    await use({ directory, archive, views, kept, horizon });
    await kept.log.close();
  });

const segmentsIn = (directory: string): readonly string[] =>
  readdirSync(directory)
    .filter((name) => /\.segment/.test(name))
    .sort();

describe('a log that was restored', () => {
  it('begins at 0 again, with all that there was, and says who did it', () =>
    pruned(async ({ archive, directory, horizon, kept: { log, keeping, ledger } }) => {
      const left = segmentsIn(directory).length;
      const report = await keeping.restore([archive], because);
      expect(report).toMatchObject({ until: horizon, segments: segmentsIn(directory).length - left });
      expect(log.horizon).toBe(0n);
      const all = await readAll(log);
      expect(positionsOf(all)).toEqual(upTo(EVENTS + 3));
      expect(all[3]?.data).toMatchObject({ labels: { note: noteOf(3) } });
      expect(all.at(-1)).toMatchObject({
        type: 'log-restored',
        data: { horizon: '0', until: String(horizon), archives: [archive] },
        meta: { actor: because.actor },
      });
      expect(ledger.durable.world.keeping).toMatchObject({ horizon: 0n, prunedInto: [] });
      expect(positionsOf(await readAll(log, { from: at(0), to: at(9), where: {} }))).toEqual(upTo(9));
      expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: 0, events: EVENTS + 3 });
    }));

  it('stays so: the next start removes nothing', () =>
    pruned(async ({ archive, directory, kept, views }) => {
      await kept.keeping.restore([archive], because);
      const files = segmentsIn(directory);
      await kept.log.close();
      // What was folded before is no longer needed.
      views.kept.clear();
      const again = await openKeptLog(directory, views);
      expect(again.log.horizon).toBe(0n);
      expect(segmentsIn(directory)).toEqual(files);
      expect(noteIn(again.ledger.durable, 0)).toBe(noteOf(0));
      await again.keeping.redact(at(0), ['labels'], because);
      await again.log.close();
      expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: 0 });
    }));

  it('can be pruned again, and restored again', () =>
    pruned(async ({ archive, directory, kept, horizon }) => {
      await kept.keeping.restore([archive], because);
      expect((await kept.keeping.prune(at(EVENTS - 10), false, because)).horizon).toBe(horizon);
      await expect(readAll(kept.log, { from: at(0) })).rejects.toMatchObject({ code: 'failed-precondition' });
      await kept.keeping.restore([archive], because);
      expect(positionsOf(await readAll(kept.log))).toEqual(upTo(EVENTS + 5));
      expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: 0 });
    }));

  it('is damaged where files are missing afterwards: what was pruned once is no excuse', () =>
    pruned(async ({ archive, directory, kept, horizon }) => {
      await kept.keeping.restore([archive], because);
      await kept.log.close();
      for (const name of segmentsIn(directory)) {
        if (BigInt(name.slice(0, 20)) < horizon) await rm(join(directory, name));
      }
      const missing = { what: expect.stringMatching(/the segments before it are missing$/) };
      await expect(openFileLog({ directory })).rejects.toMatchObject({ code: 'data-loss', damage: missing });
      expect(await verifyLog(directory)).toMatchObject({ intact: false, damage: missing });
    }));
});

describe('restoring is refused', () => {
  const refused = async ({ directory, kept, horizon }: Host, from: readonly string[], refusal: object) => {
    const files = segmentsIn(directory);
    await expect(kept.keeping.restore(from, because)).rejects.toMatchObject(refusal);
    expect(segmentsIn(directory)).toEqual(files);
    expect(kept.log.horizon).toBe(horizon);
    expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: Number(horizon) });
  };

  it('where an archive lacks something, or rots', () =>
    pruned(async (host) => {
      const { archive, directory } = host;
      await refused(host, [directory], {
        code: 'failed-precondition',
        message: expect.stringMatching(/there is no archive in/),
      });
      const [first = ''] = readdirSync(archive).sort();
      const whole = readFileSync(join(archive, first));
      writeFileSync(join(archive, first), whole.subarray(0, 100));
      const lacking = {
        code: 'failed-precondition',
        message: expect.stringMatching(/name the folder that has it/),
      };
      await refused(host, [archive], lacking);
      rmSync(join(archive, first));
      await refused(host, [archive], lacking);
    }));

  it('where a file is not what its manifest says', () =>
    pruned(async (host) => {
      const path = join(host.archive, 'manifest.json');
      const manifest = JSON.parse(readFileSync(path, 'utf8'));
      manifest.segments[0].sha256 = 'ab'.repeat(32);
      writeFileSync(path, JSON.stringify(manifest));
      await refused(host, [host.archive], {
        code: 'data-loss',
        message: expect.stringMatching(/is not what its manifest says/),
      });
    }));

  it('where an archive has an event as it was before it was redacted', () =>
    pruned(
      async (host) => {
        await refused(host, [host.archive], {
          code: 'failed-precondition',
          message: expect.stringMatching(/has event 3 as it was before it was redacted/),
        });
      },
      ({ keeping }) => keeping.redact(at(3), ['labels'], because),
    ));

  it('where nothing was pruned', () =>
    inTemporaryDirectory(async (folder) => {
      const kept = await openKeptLog(join(folder, 'log'), new RememberedViews());
      await expect(kept.keeping.restore(['/archive'], because)).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(/nothing is missing/),
      });
      await kept.log.close();
    }));
});
