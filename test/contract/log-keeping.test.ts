import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Manifest } from '../../src/adapters/log-file/archive.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { createLogKeeper } from '../../src/adapters/log-file/keeper.ts';
import { realDisk } from '../../src/adapters/log-file/real-disk.ts';
import { replaceData } from '../../src/adapters/log-file/redact.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import type { Recorded } from '../../src/domain/envelope.ts';
import type { LogCopy } from '../../src/engine/ports/replica.ts';
import {
  because,
  creation,
  fill,
  type KeptLog,
  noteIn,
  noteOf,
  openKeptLog,
  RememberedViews,
  textOf,
} from '../support/kept-log.ts';
import { at, inTemporaryDirectory, positionsOf, readAll, upTo } from '../support/log-events.ts';

const EVENTS = 60;

interface Host {
  readonly directory: string;
  readonly archive: string;
  readonly views: RememberedViews;
  readonly kept: KeptLog;
}

/** A log of {@link EVENTS} events in several files, on a real disk. */
const onHost = (use: (host: Host) => Promise<void>): Promise<void> =>
  inTemporaryDirectory(async (folder) => {
    const directory = join(folder, 'log');
    const views = new RememberedViews();
    const kept = await openKeptLog(directory, views);
    await fill(kept, 0, EVENTS);
    await use({ directory, archive: join(folder, 'archive'), views, kept });
    await kept.log.close();
  });

const segmentsIn = (directory: string): readonly string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.segment'))
    .sort();

describe('an event that is redacted', () => {
  it('reads as redacted, with its head as it was', () =>
    onHost(async ({ kept: { log, keeping } }) => {
      const [before] = await readAll(log, { from: at(3), to: at(4) });
      const report = await keeping.redact(at(3), ['/labels/note'], because);
      expect(report).toEqual({ recorded: at(EVENTS), archives: [] });
      const [after] = await readAll(log, { from: at(3), to: at(4) });
      expect(after).toEqual({ ...before, data: { namespace: 'team-3', labels: { note: '[redacted]' } } });
      const [record] = await readAll(log, { from: at(EVENTS) });
      expect(record).toMatchObject({
        type: 'payload-redacted',
        subject: 'host',
        data: { position: '3', redacts: 'namespace-created', about: 'namespace/team-3/team-3' },
        meta: { reason: 'a test', actor: { uid: 0 } },
      });
    }));

  it('is nowhere in the files any more, and in memory neither', () =>
    onHost(async ({ directory, views, kept }) => {
      await kept.keeping.redact(at(EVENTS - 1), ['labels'], because);
      expect(await textOf(realDisk, directory)).not.toContain(noteOf(EVENTS - 1));
      expect(await textOf(realDisk, directory)).toContain(noteOf(EVENTS - 2));
      expect(noteIn(kept.ledger.durable, EVENTS - 1)).toBe('[redacted]');
      expect(noteIn(kept.ledger.head, EVENTS - 1)).toBe('[redacted]');
      expect(await verifyLog(directory)).toMatchObject({ intact: true, events: EVENTS + 1 });
      await kept.log.close();
      const again = await openKeptLog(directory, views);
      expect(noteIn(again.ledger.durable, EVENTS - 1)).toBe('[redacted]');
      await again.log.close();
    }));

  it('can be redacted again, also of the same', () =>
    onHost(async ({ directory, kept: { log, keeping } }) => {
      await keeping.redact(at(3), ['labels.note'], because);
      const again = await keeping.redact(at(3), ['labels.note'], because);
      expect(again).toEqual({ archives: [] });
      expect(log.head).toBe(at(EVENTS + 1));
      expect(await verifyLog(directory)).toMatchObject({ intact: true });
    }));

  it('does not disturb who reads and who appends meanwhile', () =>
    onHost(async ({ directory, kept }) => {
      const reading = kept.log.read()[Symbol.asyncIterator]();
      const seen: Recorded[] = [...((await reading.next()).value ?? [])];
      const work = [
        kept.keeping.redact(at(5), ['labels'], because),
        kept.keeping.redact(at(EVENTS - 1), ['labels'], because),
      ];
      const more = upTo(200).map((n) => kept.ledger.dispatch([creation(EVENTS + n)], because));
      await Promise.all([...work, ...more]);
      for (let next = await reading.next(); !next.done; next = await reading.next()) seen.push(...next.value);
      expect(positionsOf(seen)).toEqual(upTo(seen.length));
      for (const n of upTo(EVENTS + 200)) {
        const gone = n === 5 || n === EVENTS - 1;
        expect(noteIn(kept.ledger.durable, n)).toBe(gone ? '[redacted]' : noteOf(n));
        expect(noteIn(kept.ledger.head, n)).toBe(gone ? '[redacted]' : noteOf(n));
      }
      expect(kept.ledger.head.world.position).toBe(kept.log.head);
      expect(kept.ledger.durable.world.position).toBe(kept.log.durable);
      expect(await verifyLog(directory)).toMatchObject({ intact: true, events: EVENTS + 202 });
    }));

  it('leaves no index that was begun from the file as it was', () =>
    onHost(async ({ kept: { log } }) => {
      const [segment] = log.files.segments;
      if (segment === undefined) throw new Error('there is a first file');
      const keeper = createLogKeeper(log.files);
      const data = { namespace: 'team-3', labels: { note: '[redacted]' } };
      const replacement = await keeper.prepare(at(3), data);
      const seen: string[] = [];
      const discardIndex = async (path: string) => {
        seen.push(readFileSync(path).includes(noteOf(3)) ? 'before' : 'after');
      };
      await replaceData({ discardIndex }, segment, 3, data, replacement);
      expect(seen).toEqual(['before', 'after']);
    }));

  it('is damage where no event tells of it', () =>
    onHost(async ({ directory, kept: { keeping } }) => {
      const before = segmentsIn(directory)[0] ?? '';
      await keeping.redact(at(3), ['labels.note'], because);
      const redacted = readFileSync(join(directory, before));
      // The same bytes in a log that ends before the event that tells of them.
      for (const name of segmentsIn(directory).slice(1)) rmSync(join(directory, name));
      writeFileSync(join(directory, before), redacted);
      expect(await verifyLog(directory)).toMatchObject({
        intact: false,
        damage: {
          file: join(directory, before),
          what: expect.stringMatching(/^event 3: .*no later event redacts it/),
        },
      });
    }));

  it('is not one that never was, and keeps what identifies it', () =>
    onHost(async ({ kept: { log, keeping } }) => {
      await expect(keeping.redact(at(999), ['labels'], because)).rejects.toMatchObject({
        code: 'invalid-argument',
      });
      await expect(keeping.redact(at(3), ['namespace'], because)).rejects.toMatchObject({
        code: 'invalid-argument',
      });
      expect(log.head).toBe(at(EVENTS));
    }));
});

describe('an archive', () => {
  it('holds every closed file, compressed, with a manifest that vouches for it', () =>
    onHost(async ({ directory, archive, kept: { log, keeping } }) => {
      const report = await keeping.archive(archive, undefined, because);
      const closed = segmentsIn(directory).slice(0, -1);
      expect(report).toMatchObject({ directory: archive, from: 0n, segments: closed.length });
      const manifest = Manifest.parse(JSON.parse(readFileSync(join(archive, 'manifest.json'), 'utf8')));
      expect(manifest.segments.map(({ file }) => file)).toEqual(closed.map((name) => `${name}.zst`));
      expect(manifest.segments.at(-1)?.end).toBe(Number(report.until));
      for (const name of closed) {
        const inside = execFileSync('zstd', ['-d', '-c', '-q', join(archive, `${name}.zst`)]);
        expect(inside.equals(readFileSync(join(directory, name)))).toBe(true);
      }
      for (const [n, one] of manifest.segments.slice(1).entries())
        expect(one.chainBefore).toBe(manifest.segments[n]?.chainAfter);
      const [record] = await readAll(log, { from: at(EVENTS) });
      expect(record).toMatchObject({ type: 'log-archived', data: { directory: archive, from: '0' } });
    }));

  it('is written once; only what is new or redacted since is written again', () =>
    onHost(async ({ archive, kept }) => {
      const { keeping } = kept;
      const first = await keeping.archive(archive, undefined, because);
      expect(await keeping.archive(archive, undefined, because)).toMatchObject({ segments: 0 });
      expect(await keeping.redact(at(3), ['labels'], because)).toMatchObject({ archives: [archive] });
      await fill(kept, EVENTS, 2 * EVENTS);
      const last = await keeping.archive(archive, first.until, because);
      expect(last).toMatchObject({ segments: 1, until: first.until });
      const inside = execFileSync('zstd', ['-d', '-c', '-q', join(archive, `${segment(0)}.zst`)]);
      expect(inside.includes(noteOf(3))).toBe(false);
    }));

  const segment = (base: number): string => `${String(base).padStart(20, '0')}.segment`;

  it('is not put into the log, nor over one of another log', () =>
    onHost(async ({ directory, archive, kept: { keeping } }) => {
      await expect(keeping.archive(join(directory, 'x'), undefined, because)).rejects.toMatchObject({
        code: 'invalid-argument',
      });
      await keeping.archive(archive, undefined, because);
      await onHost(async ({ kept: other }) => {
        await expect(other.keeping.archive(archive, undefined, because)).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringMatching(/it is of another log/),
        });
      });
    }));
});

describe('a log that is pruned', () => {
  const pruned = (use: (host: Host, horizon: bigint) => Promise<void>) =>
    onHost(async (host) => {
      await host.kept.keeping.archive(host.archive, undefined, because);
      const { horizon } = await host.kept.keeping.prune(at(EVENTS - 10), false, because);
      await use(host, horizon);
    });

  it('begins at its horizon, and says where the rest is', () =>
    pruned(async ({ archive, kept: { log, ledger } }, horizon) => {
      expect(horizon).toBeGreaterThan(10n);
      expect(log.horizon).toBe(horizon);
      const all = await readAll(log);
      expect(
        positionsOf(await readAll(log, { from: at(Number(horizon)), to: log.durable, where: {} })),
      ).toEqual(positionsOf(all));
      expect(positionsOf(all)).toEqual(upTo(EVENTS + 2 - Number(horizon)).map((n) => n + Number(horizon)));
      expect(all.at(-1)?.data).toMatchObject({ horizon: String(horizon), archives: [archive] });
      expect(positionsOf(await readAll(log, { backward: true })).at(-1)).toBe(Number(horizon));
      await expect(readAll(log, { from: at(0) })).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(new RegExp(`begins at ${horizon}.*archived in ${archive}`)),
      });
      for (const n of upTo(EVENTS)) expect(noteIn(ledger.durable, n)).toBe(noteOf(n));
    }));

  it('opens again from the views at its horizon, with and without the note of where that is', () =>
    pruned(async ({ directory, archive, views, kept }, horizon) => {
      await kept.log.close();
      for (const hint of [true, false]) {
        if (!hint) await rm(join(directory, 'pruned.json'));
        const again = await openKeptLog(directory, views);
        expect(again.log.horizon).toBe(horizon);
        expect(noteIn(again.ledger.durable, 0)).toBe(noteOf(0));
        await expect(again.keeping.redact(at(0), ['labels'], because)).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringMatching(`archived in ${archive}`),
        });
        await again.log.close();
        expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: Number(horizon) });
      }
    }));

  it('can be pruned further, and redacted', () =>
    pruned(async ({ directory, archive, kept }, horizon) => {
      await fill(kept, EVENTS, 3 * EVENTS);
      await kept.keeping.archive(archive, undefined, because);
      const second = await kept.keeping.prune(at(2 * EVENTS), false, because);
      expect(second.horizon).toBeGreaterThan(horizon);
      await kept.keeping.redact(second.horizon, ['labels'], because);
      expect(await verifyLog(directory)).toMatchObject({ intact: true, horizon: Number(second.horizon) });
    }));

  it('is damaged where more is missing than was pruned', () =>
    pruned(async ({ directory, kept }) => {
      await kept.log.close();
      const [first = ''] = segmentsIn(directory);
      rmSync(join(directory, first));
      const missing = {
        what: expect.stringMatching(/the segments before it are missing, and it was pruned only up to/),
      };
      await expect(openFileLog({ directory })).rejects.toMatchObject({ code: 'data-loss', damage: missing });
      expect(await verifyLog(directory)).toMatchObject({ intact: false, damage: missing });
    }));

  it('is damaged where nothing was pruned', () =>
    onHost(async ({ directory, kept }) => {
      await kept.log.close();
      rmSync(join(directory, segmentsIn(directory)[0] ?? ''));
      const missing = { what: expect.stringMatching(/the segments before it are missing$/) };
      await expect(openFileLog({ directory })).rejects.toMatchObject({ code: 'data-loss', damage: missing });
      expect(await verifyLog(directory)).toMatchObject({ intact: false, damage: missing });
    }));

  it('is not pruned of what no archive has, unless told so', () =>
    onHost(async ({ archive, kept: { log, keeping } }) => {
      await keeping.archive(archive, at(EVENTS - 30), because);
      await expect(keeping.prune(at(EVENTS), false, because)).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(/no archive has the file of position \d+ as it is now/),
      });
      expect(log.horizon).toBe(0n);
      expect(await keeping.prune(at(EVENTS), true, because)).toMatchObject({ archives: [] });
      expect(log.horizon).toBeGreaterThan(0n);
    }));

  it('is not pruned of what an archive had before it was redacted, or has lost', () =>
    onHost(async ({ archive, kept: { keeping } }) => {
      await keeping.archive(archive, undefined, because);
      await keeping.redact(at(3), ['labels'], because);
      const refusal = {
        message: expect.stringMatching(/no archive has the file of position 0 as it is now/),
      };
      await expect(keeping.prune(at(EVENTS), false, because)).rejects.toMatchObject(refusal);
      await keeping.archive(archive, undefined, because);
      const [first = ''] = readdirSync(archive).sort();
      writeFileSync(join(archive, first), 'rot');
      await expect(keeping.prune(at(EVENTS), false, because)).rejects.toMatchObject(refusal);
    }));

  it('is pruned only of what its copy has with an event more, by which the two can be compared', () =>
    inTemporaryDirectory(async (folder) => {
      let copied = at(0);
      const status = async () => ({ mode: 'replica' as const, place: 'kurrentdb://far', position: copied });
      const copy = { status } as unknown as LogCopy;
      const kept = await openKeptLog(join(folder, 'log'), new RememberedViews(), { copy });
      await fill(kept, 0, EVENTS);
      const refusal =
        /kurrentdb:\/\/far has only the events below \d+; wait until it has more than those below (\d+)/;
      const message = await kept.keeping
        .prune(at(EVENTS - 10), true, because)
        .catch((error: Error) => error.message);
      const [, horizon = ''] = refusal.exec(String(message)) ?? [];
      copied = at(Number(horizon));
      await expect(kept.keeping.prune(at(EVENTS - 10), true, because)).rejects.toThrow(refusal);
      copied = at(Number(horizon) + 1);
      expect(await kept.keeping.prune(at(EVENTS - 10), true, because)).toMatchObject({
        horizon: BigInt(horizon),
      });
      await kept.log.close();
    }));

  it('says so where there is nothing to prune', () =>
    onHost(async ({ kept: { keeping } }) => {
      await expect(keeping.prune(at(1), true, because)).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(/no closed file of the log lies wholly below it/),
      });
    }));
});
