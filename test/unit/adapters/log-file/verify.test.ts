import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { openFileLog } from '../../../../src/adapters/log-file/file-log.ts';
import { placesOf } from '../../../../src/adapters/log-file/group.ts';
import { verifyLog } from '../../../../src/adapters/log-file/verify.ts';
import type { Log } from '../../../../src/engine/ports/log.ts';
import { flip, groupStarts, segmentsOf, written } from '../../../support/log-damage.ts';
import { appendBatches, event, inTemporaryDirectory, upTo } from '../../../support/log-events.ts';

/** Rewrites a group as somebody would who knows the format: with a checksum that fits. */
const reseal = (bytes: Buffer, at: number): void => {
  const length = bytes.readUInt32LE(at + 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(at + 8, at + length)), at + 4);
};

const appendOne = (log: Log, n: number) => log.append([event(n)], log.head);

describe('verifying a log', () => {
  it('counts events and groups over segments and reports progress', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory, segmentBytes: 5000 });
      await appendBatches(
        log,
        upTo(20).map((n) => 1 + (n % 3)),
      );
      const seen: number[] = [];
      const live = await verifyLog(directory, { onProgress: ({ events }) => seen.push(events) });
      await log.close();
      const closed = await verifyLog(directory);
      expect(live).toMatchObject({ intact: true, events: 39, groups: 20 });
      expect(closed).toEqual(live);
      expect(seen.at(-1)).toBe(39);
    }));

  it('has a chain that anyone can compute from the heads', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(log, [1, 2]);
      await log.close();
      const [path = ''] = await segmentsOf(directory);
      const { bytes } = await written(path);
      let chain = Buffer.alloc(32);
      for (const at of groupStarts(bytes).slice(0, 2)) {
        const heads = bytes.subarray(at + 72, at + 72 + bytes.readUInt32LE(at + 68));
        const prefix = bytes.subarray(at + 56, at + 72);
        chain = createHash('sha256').update(chain).update(prefix).update(heads).digest();
      }
      expect(await verifyLog(directory)).toMatchObject({ chain: chain.toString('hex') });
    }));

  it('finds an event changed together with its checksum', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      await appendBatches(log, [1, 1, 1]);
      await log.close();
      const [path = ''] = await segmentsOf(directory);
      const { bytes } = await written(path);
      const [first = 0, second = 0] = groupStarts(bytes);
      const changed = Buffer.from(bytes);
      const data = changed.indexOf('{"n":0}');
      changed.write('{"n":9}', data);
      reseal(changed, first);
      await writeFile(path, changed);
      expect(await verifyLog(directory)).toMatchObject({
        intact: false,
        damage: {
          file: path,
          offset: first,
          what: 'event 0: its data has another hash than its head says, and no later event redacts it',
        },
      });
      const forged = Buffer.from(bytes);
      forged.write('evil', forged.indexOf('"test.happened"') + 1);
      reseal(forged, first);
      await writeFile(path, forged);
      expect(await verifyLog(directory)).toMatchObject({
        intact: false,
        damage: { offset: second, what: 'the hash chain breaks before this group' },
      });
    }));

  it('can be done while the log is being written', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory, segmentBytes: 50_000 });
      let writing = true;
      const writers = upTo(8).map(async (n) => {
        while (writing) await appendOne(log, n);
      });
      for (let round = 0; round < 15; round += 1) {
        const before = Number(log.durable);
        const verified = await verifyLog(directory);
        expect(verified).toMatchObject({ intact: true });
        if (verified.intact) expect(verified.events).toBeGreaterThanOrEqual(before);
      }
      writing = false;
      await Promise.all(writers);
      await log.close();
      expect(await verifyLog(directory)).toMatchObject({ intact: true, events: Number(log.head) });
    }));

  it('finds what is no envelope', () =>
    inTemporaryDirectory(async (directory) => {
      const log = await openFileLog({ directory });
      const odd = { ...event(0), version: -1 };
      await log.append([odd], log.head);
      await log.close();
      expect(await verifyLog(directory)).toMatchObject({
        intact: false,
        damage: { what: expect.stringMatching(/event 0: it is no envelope: [\s\S]*version/) },
      });
    }));

  describe('on threads', () => {
    const threads = 2;
    const written20 = async (directory: string) => {
      const log = await openFileLog({ directory, segmentBytes: 2000 });
      await appendBatches(
        log,
        upTo(20).map((n) => 1 + (n % 3)),
      );
      await log.close();
      return segmentsOf(directory);
    };

    it('says what one thread says', () =>
      inTemporaryDirectory(async (directory) => {
        expect((await written20(directory)).length).toBeGreaterThan(3);
        const events: number[] = [];
        const apart = await verifyLog(directory, { threads, onProgress: (now) => events.push(now.events) });
        expect(apart).toMatchObject({ intact: true, events: 39, groups: 20 });
        expect(apart).toEqual(await verifyLog(directory, { threads: 0 }));
        expect(events.at(-1)).toBe(39);
      }));

    it('names the first bad place, whichever thread met its own first', () =>
      inTemporaryDirectory(async (directory) => {
        const paths = await written20(directory);
        const [, second = '', third = ''] = paths;
        for (const path of [third, second]) {
          await flip(path, 300);
          const apart = await verifyLog(directory, { threads });
          expect(apart).toMatchObject({ intact: false, damage: { file: path, offset: 128 } });
          expect(apart).toEqual(await verifyLog(directory, { threads: 0 }));
        }
      }));

    it('meets a segment that is missing, and one whose header is bad after one whose events are', () =>
      inTemporaryDirectory(async (directory) => {
        const [, second = '', third = '', fourth = ''] = await written20(directory);
        await flip(fourth, 20);
        await flip(third, 300);
        expect(await verifyLog(directory, { threads })).toMatchObject({ damage: { file: third } });
        await rm(second);
        expect(await verifyLog(directory, { threads })).toMatchObject({ damage: { file: third, offset: 0 } });
      }));

    it('gives the error of a file that can not be read', () =>
      inTemporaryDirectory(async (directory) => {
        const [, second = ''] = await written20(directory);
        await rm(second);
        await mkdir(second);
        await expect(verifyLog(directory, { threads })).rejects.toMatchObject({ code: 'EISDIR' });
      }));

    it.each([0, threads])('hands over the leaf of each event, in order, with %i threads', (count) =>
      inTemporaryDirectory(async (directory) => {
        const paths = await written20(directory);
        const due: string[] = [];
        for (const path of paths) {
          const { bytes } = await written(path);
          for (const at of groupStarts(bytes)) {
            for (const { headAt, headEnd } of placesOf(bytes, at)) {
              const leaf = createHash('sha256').update('\0').update(bytes.subarray(headAt, headEnd));
              due.push(leaf.digest('hex'));
            }
          }
        }
        const found: string[] = [];
        const onLeaves = (hashes: Uint8Array, first: number): void => {
          expect(first).toBe(found.length);
          for (let at = 0; at < hashes.length; at += 32) {
            found.push(Buffer.from(hashes.subarray(at, at + 32)).toString('hex'));
          }
        };
        await verifyLog(directory, { threads: count, onLeaves });
        expect(found).toEqual(due);
      }),
    );
  });
});
