import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { inTemporaryDirectory, positionsOf, readAll, upTo } from '../support/log-events.ts';
import { acknowledged, bundleLogChild, runLines } from '../support/log-processes.ts';
import { seededRandom } from '../support/random.ts';

const ROUNDS = 20;
const seed = Number(process.env.SHIPLOG_SEED ?? 20_261_121);

describe('a writer killed at any moment', () => {
  let bundle = '';
  let folder = '';
  beforeAll(async () => {
    const inside = join(import.meta.dirname, '../../node_modules/.cache');
    await mkdir(inside, { recursive: true });
    folder = await mkdtemp(join(inside, 'shiplog-log-'));
    bundle = await bundleLogChild(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('keeps a second process out, which is told who is in, until it is gone', () =>
    inTemporaryDirectory(async (directory) => {
      let refused: Promise<unknown> | undefined;
      let holder: number | undefined;
      await runLines([process.execPath, bundle, directory, '100000', '1'], (_line, child) => {
        if (refused !== undefined) return;
        holder = child.pid;
        refused = openFileLog({ directory })
          .catch((error: unknown) => error)
          .finally(() => child.kill('SIGKILL'));
      });
      expect(await refused).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`process ${holder} has it open`),
      });
      await (await openFileLog({ directory })).close();
    }));

  it(
    `has every acknowledged event after each of ${ROUNDS} kills (SHIPLOG_SEED=${seed})`,
    () =>
      inTemporaryDirectory(async (directory) => {
        const next = seededRandom(seed);
        let before = 0;
        for (const round of upTo(ROUNDS)) {
          const writers = 1 + Math.floor(next() * 32);
          const lines = 1 + Math.floor(next() * 400);
          let seen = 0;
          const command = [
            process.execPath,
            bundle,
            directory,
            String(20_000 + round * 5_000),
            String(writers),
          ];
          const run = await runLines(command, (line, child) => {
            seen += line.startsWith('ack ') ? 1 : 0;
            if (seen === lines) child.kill('SIGKILL');
          });
          expect([run.signal, run.errors]).toEqual(['SIGKILL', '']);
          expect(run.lines[0]).toBe(`open ${before}`);
          const log = await openFileLog({ directory });
          const all = await readAll(log);
          await log.close();
          expect(all.length).toBeGreaterThanOrEqual(acknowledged(run.lines));
          expect(positionsOf(all)).toEqual(upTo(all.length));
          expect(all.map(({ data }) => data)).toEqual(upTo(all.length).map((n) => ({ n })));
          expect(await verifyLog(directory)).toMatchObject({ intact: true, events: all.length });
          before = all.length;
        }
      }),
    120_000,
  );
});
