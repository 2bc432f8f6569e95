import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoints } from '../../src/adapters/checkpoints/directory.ts';
import { createClock } from '../../src/adapters/linux/clock.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { folded } from '../../src/engine/fold.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import { SavedViews } from '../../src/engine/saved-views.ts';
import { emptyViews } from '../../src/engine/views.ts';
import { inTemporaryDirectory, upTo } from '../support/log-events.ts';
import { bundleLogChild, runLines } from '../support/log-processes.ts';
import { plain } from '../support/plain.ts';
import { seededRandom } from '../support/random.ts';

const ROUNDS = 10;
const seed = Number(process.env.SHIPLOG_SEED ?? 20_261_121);
const clock = createClock('boot-1');

/** Starts as the daemon does. @returns what was complained of, and how many checkpoints there were */
const startOn = async (directory: string) => {
  const complaints: string[] = [];
  const complain: Logger['warn'] = (message) => complaints.push(message);
  const logger: Logger = {
    ...{ debug: () => undefined, info: () => undefined, warn: complain, error: complain },
    child: () => logger,
  };
  const log = await openFileLog({ directory: join(directory, 'log') });
  try {
    const store = await openCheckpoints(join(directory, 'checkpoints'));
    const saved = new SavedViews(log, store, clock, logger, { every: 0, maxBytes: 0 });
    const views = plain(await saved.restore());
    const replayed = plain(await folded(log, { from: emptyViews, to: log.durable }));
    return { complaints, views, replayed, kept: store.list().length };
  } finally {
    await log.close();
  }
};

describe('a daemon killed while it saves its state', () => {
  let bundle = '';
  let folder = '';
  beforeAll(async () => {
    const inside = join(import.meta.dirname, '../../node_modules/.cache');
    await mkdir(inside, { recursive: true });
    folder = await mkdtemp(join(inside, 'shiplog-saving-'));
    bundle = await bundleLogChild(folder, 'saving-child');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    `starts with what a full replay gives, after each of ${ROUNDS} kills (SHIPLOG_SEED=${seed})`,
    () =>
      inTemporaryDirectory(async (directory) => {
        const next = seededRandom(seed);
        let halfWritten = 0;
        for (const _ of upTo(ROUNDS)) {
          const lines = 20 + Math.floor(next() * 300);
          let seen = 0;
          const run = await runLines([process.execPath, bundle, directory], (_line, child) => {
            seen += 1;
            if (seen === lines) setTimeout(() => child.kill('SIGKILL'), next() * 4);
          });
          expect([run.signal, run.errors]).toEqual(['SIGKILL', '']);
          halfWritten += readdirSync(join(directory, 'checkpoints')).filter((name) =>
            name.endsWith('.tmp'),
          ).length;
          const { complaints, views, replayed, kept } = await startOn(directory);
          expect(views).toEqual(replayed);
          expect(complaints).toEqual([]);
          expect(kept).toBeGreaterThan(0);
        }
        expect(halfWritten).toBeGreaterThan(0);
      }),
    300_000,
  );
});
