import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { event, inTemporaryDirectory, readAll, upTo } from '../support/log-events.ts';

const root = process.getuid?.() === 0;

/** Runs with a file system of so many KiB. */
const onSmallDisk = (kib: number, use: (directory: string) => Promise<void>): Promise<void> =>
  inTemporaryDirectory(async (directory) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'shiplog-test', directory]);
    try {
      await use(directory);
    } finally {
      execFileSync('umount', [directory]);
    }
  });

describe.skipIf(!root)(`a full disk${root ? '' : ' (skipped: mounting a small tmpfs needs root)'}`, () => {
  for (const [segmentBytes, batch] of [
    [64 * 1024, 1],
    [64 * 1024 * 1024, 1],
    [64 * 1024 * 1024, 20],
  ] as const) {
    it(`refuses appends, loses nothing and goes on when there is space (segments of ${segmentBytes} bytes, batches of ${batch})`, () =>
      onSmallDisk(1024, async (disk) => {
        const ballast = join(disk, 'ballast');
        writeFileSync(ballast, Buffer.alloc(400 * 1024));
        const directory = join(disk, 'log');
        const log = await openFileLog({ directory, segmentBytes });
        const text = 'x'.repeat(3000);
        const append = () =>
          log.append(
            upTo(batch).map((n) => event(Number(log.head) + n, { text })),
            log.head,
          );
        let refusal: unknown;
        while (refusal === undefined) {
          await append().catch((error: unknown) => {
            refusal = error;
          });
        }
        const full = log.head;
        expect(refusal).toMatchObject({
          code: 'resource-exhausted',
          message: expect.stringContaining('ENOSPC'),
        });
        expect([log.head, log.durable]).toEqual([full, full]);
        const several = await Promise.allSettled(upTo(5).map(append));
        expect(several.map((one) => one.status)).toEqual(upTo(5).map(() => 'rejected'));
        await expect(log.settled(log.head)).resolves.toBeUndefined();
        expect(BigInt((await readAll(log)).length)).toBe(full);

        rmSync(ballast);
        await Promise.all(upTo(5).map(append));
        const total = Number(full) + 5 * batch;
        expect(Number(log.durable)).toBe(total);
        await log.close();
        const again = await openFileLog({ directory, segmentBytes });
        expect((await readAll(again)).map(({ data }) => data)).toEqual(upTo(total).map((n) => ({ n, text })));
        await again.close();
        expect(await verifyLog(directory)).toMatchObject({ intact: true, events: total });
      }));
  }

  it('refuses to open where there is no room for a log, and says why', () =>
    onSmallDisk(8, async (disk) => {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(4096));
      await expect(openFileLog({ directory: join(disk, 'log') })).rejects.toMatchObject({
        code: 'resource-exhausted',
      });
    }));
});
