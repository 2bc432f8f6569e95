import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { inTemporaryDirectory, readAll, upTo } from '../support/log-events.ts';
import { acknowledged, bundleLogChild, runLines } from '../support/log-processes.ts';

/** strace must be there and allowed to trace. */
const traceable = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

/** Which call fails, how, and when: `FIRST..LAST` of that call in the process. */
const faults = [
  { call: 'fdatasync', error: 'EIO', when: '1' },
  { call: 'fdatasync', error: 'EIO', when: '7..9' },
  { call: 'pwrite64', error: 'EIO', when: '4' },
  { call: 'pwrite64', error: 'ENOSPC', when: '12..15' },
  { call: 'fsync', error: 'EIO', when: '6' },
  { call: 'fsync', error: 'EIO', when: '7' },
  { call: 'fsync', error: 'EIO', when: '8..14' },
  { call: 'rename', error: 'EIO', when: '2' },
  { call: 'rename', error: 'EROFS', when: '3..5' },
  { call: 'ftruncate', error: 'EIO', when: '3..4' },
] as const;

describe.skipIf(!traceable)(
  `an I/O error${traceable ? '' : ' (skipped: needs strace and leave to trace)'}`,
  () => {
    let bundle = '';
    let folder = '';
    beforeAll(async () => {
      const inside = join(import.meta.dirname, '../../node_modules/.cache');
      await mkdir(inside, { recursive: true });
      folder = await mkdtemp(join(inside, 'shiplog-log-'));
      bundle = await bundleLogChild(folder);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it.each(faults)(
      '$error from $call number $when rejects what was not durable and no more',
      async (fault) => {
        await inTemporaryDirectory(async (directory) => {
          const inject = `inject=${fault.call}:error=${fault.error}:when=${fault.when}`;
          const trace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject];
          const run = await runLines([...trace, process.execPath, bundle, directory, '12000', '4', '40']);
          expect([run.code, run.errors]).toEqual([0, '']);
          const codes = run.lines.flatMap((line) =>
            line.startsWith('rejected') ? [line.split(' ')[1]] : [],
          );
          expect(codes.length).toBeGreaterThan(0);
          expect(new Set(codes)).toEqual(
            new Set([fault.error === 'ENOSPC' ? 'resource-exhausted' : 'unavailable']),
          );
          const heads = run.lines
            .filter((line) => line.startsWith('rejected'))
            .map((line) => line.split(' '));
          for (const [, , head, durable] of heads)
            expect(Number(head)).toBeGreaterThanOrEqual(Number(durable));

          const closed = Number(run.lines.at(-1)?.replace('closed ', ''));
          expect(closed).toBe(acknowledged(run.lines));
          const log = await openFileLog({ directory });
          const all = await readAll(log);
          await log.close();
          expect(all.map(({ data }) => data)).toEqual(upTo(closed).map((n) => ({ n })));
          expect(await verifyLog(directory)).toMatchObject({ intact: true, events: closed });
        });
      },
      60_000,
    );
  },
);
