import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SnapshotId } from '../../src/domain/identity.ts';
import { Rejection } from '../../src/domain/rejection.ts';
import { Arrival } from '../../src/engine/performers/arrival.ts';
import { GZIP_LAYER, openUnpacking, PLAIN_LAYER } from '../support/layers.ts';
import { missingHere } from '../support/machine.ts';
import { openFiles } from '../support/open-files.ts';
import { seededRandom } from '../support/random.ts';
import { directory, file, tarOf } from '../support/tar.ts';
import { readTree } from '../support/tree.ts';

const missing = missingHere({ root: true, programs: ['igzip'] });

const random = seededRandom(1);
const noise = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, () => random() * 256));

/** More than a pipe and a read hold, and hardly smaller when compressed. */
const tar = tarOf([
  directory('d'),
  ...Array.from({ length: 30 }, (_, at) => file(`d/${at}`, noise(100_000))),
]);

describe.skipIf(missing !== undefined)(
  `unpacking layers that still come in${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let unpacking: ReturnType<typeof openUnpacking>;
    beforeAll(() => {
      unpacking = openUnpacking();
    });
    afterAll(() => unpacking.close());

    const openArrival = async (name: string, bytes: Buffer) => {
      const id = SnapshotId.parse(name);
      await unpacking.store.create(id, 'active');
      const [ingest, path] = [join(unpacking.path, `${name}.ingest`), join(unpacking.path, `${name}.blob`)];
      writeFileSync(ingest, '');
      const arrival = new Arrival(bytes.length);
      arrival.began(ingest, 0);
      let at = 0;
      return {
        arrival,
        id,
        apply: async (signal?: AbortSignal, mediaType = GZIP_LAYER) => {
          const growth = await arrival.growth();
          const file = { path, mediaType, ...(growth === undefined ? {} : { growth }) };
          const options = { parents: [], ...(signal === undefined ? {} : { signal }) };
          const applied = await unpacking.applier.apply(file, id, options);
          // its sync holds a descriptor, and these tests count those
          await unpacking.applier.settle([id]);
          return applied;
        },
        come: (length: number) => {
          appendFileSync(ingest, bytes.subarray(at, at + length));
          at = Math.min(bytes.length, at + length);
          arrival.grew(at);
        },
        move: () => renameSync(ingest, path),
      };
    };
    /** But for the root, whose time is that of the unpacking. */
    const treeOf = (id: string) => {
      const { '.': _, ...rest } = Object.fromEntries(readTree(unpacking.fsOf(id)));
      return rest;
    };
    const whole = async (name: string) => {
      const id = `${name}whole`;
      const applied = await unpacking.apply(id, tar, { parents: [] });
      return { applied, tree: treeOf(id) };
    };

    it('does not wait for what nobody reads behind the compressed stream', async () => {
      const bytes = Buffer.concat([gzipSync(tar), noise(4_000_000)]);
      const { apply, come, id } = await openArrival('trailing', bytes);
      const applying = apply();
      come(bytes.length);
      const { applied, tree } = await whole('trailing');
      expect(await applying).toEqual(applied);
      expect(treeOf(id)).toEqual(tree);
    });

    it.each([
      ['gzip', gzipSync(tar), GZIP_LAYER],
      ['plain', tar, PLAIN_LAYER],
    ])('gives the same of %s bytes that come piece by piece', async (name, bytes, mediaType) => {
      const { apply, come, move } = await openArrival(name, bytes);
      come(1000);
      const applying = apply(undefined, mediaType);
      for (let at = 1000; at < bytes.length; at += 200_000) {
        come(200_000);
        await sleep(2);
      }
      move();
      const applied = await applying;
      const expected = await whole(name);
      expect(applied).toEqual(expected.applied);
      expect(treeOf(name)).toEqual(expected.tree);
    });

    it('takes up one that was moved to its place before there was a thread', async () => {
      const bytes = gzipSync(tar);
      const { apply, come, move, arrival } = await openArrival('moved', bytes);
      come(bytes.length - 1);
      const applying = apply();
      move();
      appendFileSync(join(unpacking.path, 'moved.blob'), bytes.subarray(-1));
      arrival.grew(bytes.length);
      expect(await applying).toEqual((await whole('moved')).applied);
    });

    it('gives up where no more comes, and leaves nothing open', async () => {
      const bytes = gzipSync(tar);
      await whole('before');
      const before = openFiles();
      const { apply, come, arrival } = await openArrival('broken', bytes);
      come(bytes.length >> 1);
      const applying = apply();
      applying.catch(() => undefined);
      await sleep(50);
      arrival.fail(new Rejection('unavailable', 'reset'));
      await expect(applying).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(/reset$/),
      });
      expect(openFiles()).toEqual(before);
    });

    it.each(['before enough has come', 'on the way'])('can be cancelled %s', async (when) => {
      const bytes = gzipSync(tar);
      const before = openFiles();
      const name = `cancelled${when.replaceAll(' ', '')}`;
      const { apply, come, arrival } = await openArrival(name, bytes);
      come(when === 'on the way' ? bytes.length >> 1 : 10);
      const stop = new AbortController();
      const applying = apply(stop.signal);
      applying.catch(() => undefined);
      await sleep(50);
      stop.abort();
      await expect(applying).rejects.toMatchObject({ code: 'cancelled' });
      arrival.fail(stop.signal.reason);
      expect(openFiles()).toEqual(before);
    });
  },
);
