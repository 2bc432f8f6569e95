import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Digest, IngestRef, Namespace } from '../../src/domain/identity.ts';
import type { BlobStore, IngestKey } from '../../src/engine/ports/blobs.ts';

/** What a suite needs of an implementation. */
export interface OpenedBlobStore {
  readonly store: BlobStore;
  /** Another store over the same bytes, as after a restart of the daemon. */
  reopen(): BlobStore;
  close(): Promise<void>;
}

const namespace = Namespace.parse('default');
const keyOf = (ref: string): IngestKey => ({ namespace, ref: IngestRef.parse(ref) });
export const digestOfBytes = (bytes: Uint8Array, algorithm = 'sha256'): Digest =>
  Digest.parse(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);

const gather = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
};

const put = async (store: BlobStore, ref: string, bytes: Uint8Array): Promise<Digest> => {
  const ingest = await store.ingest(keyOf(ref));
  await ingest.write(bytes);
  return (await ingest.commit()).digest;
};

/** The contract of {@link BlobStore}; every implementation runs it. */
export const describeBlobStore = (name: string, open: () => Promise<OpenedBlobStore>): void => {
  describe(`blob store: ${name}`, () => {
    let opened: OpenedBlobStore;
    let store: BlobStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());

    describe('a write', () => {
      it('is stored under its digest once committed, and not before', async () => {
        const bytes = randomBytes(300_000);
        const digest = digestOfBytes(bytes);
        const ingest = await store.ingest(keyOf('one'), { digest, size: bytes.length });
        await ingest.write(bytes.subarray(0, 100_000));
        await ingest.write(bytes.subarray(100_000));
        expect(await store.size(digest)).toBeUndefined();
        expect(await ingest.commit()).toEqual({ digest, size: bytes.length });
        expect(await store.size(digest)).toBe(bytes.length);
        expect((await gather(store.read(digest))).equals(bytes)).toBe(true);
        expect(await store.ingests()).toEqual([]);
      });

      it('of no bytes at all is a blob too', async () => {
        const digest = await put(store, 'empty', Buffer.alloc(0));
        expect(digest).toBe(digestOfBytes(Buffer.alloc(0)));
        expect(await store.size(digest)).toBe(0);
        expect(await gather(store.read(digest))).toHaveLength(0);
      });

      it('with a sha512 digest is verified and stored by it, named at the start or only at the end', async () => {
        const bytes = randomBytes(1000);
        const digest = digestOfBytes(bytes, 'sha512');
        for (const early of [true, false]) {
          const ingest = await store.ingest(keyOf(`sha512 ${early}`), early ? { digest } : {});
          await ingest.write(bytes);
          expect((await ingest.commit({ digest })).digest).toBe(digest);
          expect(await store.verify(digest)).toBe(digest);
          await store.remove([digest]);
        }
      });

      it('keeps the order of writes that nobody waited for', async () => {
        const pieces = Array.from({ length: 200 }, () => randomBytes(997));
        const ingest = await store.ingest(keyOf('order'));
        await Promise.all(pieces.map((piece) => ingest.write(piece)));
        const whole = Buffer.concat(pieces);
        expect(await ingest.commit()).toEqual({ digest: digestOfBytes(whole), size: whole.length });
        expect((await gather(store.read(digestOfBytes(whole)))).equals(whole)).toBe(true);
      });

      it('with a wrong digest is refused, and stays as it is for its holder to end', async () => {
        const wrong = digestOfBytes(Buffer.from('other'));
        const ingest = await store.ingest(keyOf('wrong'), { digest: wrong });
        await ingest.write(Buffer.from('these'));
        await expect(ingest.commit()).rejects.toMatchObject({
          code: 'failed-precondition',
          message: expect.stringContaining(wrong),
        });
        expect(await store.size(wrong)).toBeUndefined();
        expect(ingest.offset).toBe(5);
        await ingest.truncate(0);
        await ingest.write(Buffer.from('other'));
        expect(await ingest.commit()).toEqual({ digest: wrong, size: 5 });
        expect(await store.ingests()).toEqual([]);
      });

      it('tells the next attempt when it was written last', async () => {
        const at = 1_763_695_753_123_456;
        const ingest = await store.ingest(keyOf('when'));
        await ingest.write(Buffer.from('some'));
        await ingest.release(at);
        expect(await store.ingests()).toMatchObject([{ offset: 4, updatedAt: at }]);
        const again = await store.ingest(keyOf('when'));
        expect(again.updatedAt).toBe(at);
        await again.discard();
      });

      it('with too few bytes is refused at commit, with too many at once', async () => {
        const short = await store.ingest(keyOf('short'), { size: 10 });
        await short.write(Buffer.from('123456789'));
        await expect(short.commit()).rejects.toMatchObject({ code: 'failed-precondition' });
        await short.discard();
        const long = await store.ingest(keyOf('long'), { size: 10 });
        await long.write(Buffer.from('1234567890'));
        await expect(long.write(Buffer.from('1'))).rejects.toMatchObject({ code: 'failed-precondition' });
        expect(long.offset).toBe(10);
        await long.discard();
      });

      it('of bytes that are there already succeeds', async () => {
        const bytes = randomBytes(5000);
        const first = await put(store, 'first', bytes);
        expect(await put(store, 'second', bytes)).toBe(first);
        expect((await gather(store.read(first))).equals(bytes)).toBe(true);
      });

      it('of the same bytes by many writers at once leaves one whole blob', async () => {
        const bytes = randomBytes(200_000);
        const digests = await Promise.all(
          Array.from({ length: 12 }, (_, n) => put(store, `same ${n}`, bytes)),
        );
        expect(new Set(digests)).toEqual(new Set([digestOfBytes(bytes)]));
        expect(await store.verify(digestOfBytes(bytes))).toBe(digestOfBytes(bytes));
        expect(await store.ingests()).toEqual([]);
      });

      it('is over after commit', async () => {
        const ingest = await store.ingest(keyOf('over'));
        await ingest.commit();
        await expect(ingest.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'failed-precondition' });
        await expect(ingest.commit()).rejects.toMatchObject({ code: 'failed-precondition' });
      });
    });

    describe('an unfinished write', () => {
      it('goes on where it stopped, after a restart too, and is verified as a whole', async () => {
        const bytes = randomBytes(700_001);
        const digest = digestOfBytes(bytes);
        const first = await store.ingest(keyOf('resumed'), { digest, size: bytes.length });
        await first.write(bytes.subarray(0, 400_000));
        await first.release();
        const after = opened.reopen();
        expect(await after.ingests()).toMatchObject([{ namespace, ref: 'resumed', offset: 400_000 }]);
        const second = await after.ingest(keyOf('resumed'), { digest, size: bytes.length });
        expect(second.offset).toBe(400_000);
        await second.write(bytes.subarray(400_000));
        expect(await second.commit()).toEqual({ digest, size: bytes.length });
      });

      it('can be cut back, and counts from there', async () => {
        const ingest = await store.ingest(keyOf('cut'));
        await ingest.write(Buffer.from('hello wrong'));
        await ingest.truncate(6);
        expect(ingest.offset).toBe(6);
        await ingest.write(Buffer.from('world'));
        expect((await ingest.commit()).digest).toBe(digestOfBytes(Buffer.from('hello world')));
      });

      it('cannot be cut to more than it has', async () => {
        const ingest = await store.ingest(keyOf('cut more'));
        await expect(ingest.truncate(1)).rejects.toMatchObject({ code: 'invalid-argument' });
        await ingest.discard();
      });

      it('has one writer at a time', async () => {
        const first = await store.ingest(keyOf('single'));
        await expect(store.ingest(keyOf('single'))).rejects.toMatchObject({ code: 'unavailable' });
        await expect(store.abort(keyOf('single'))).rejects.toMatchObject({ code: 'unavailable' });
        await first.release();
        const second = await store.ingest(keyOf('single'));
        await second.discard();
      });

      it('belongs to its namespace', async () => {
        const other: IngestKey = { namespace: Namespace.parse('other'), ref: IngestRef.parse('shared') };
        const one = await store.ingest(keyOf('shared'));
        const two = await store.ingest(other);
        await one.write(Buffer.from('one'));
        await two.write(Buffer.from('other'));
        expect((await one.commit()).size).toBe(3);
        expect((await two.commit()).size).toBe(5);
      });

      it('that was for something else begins anew', async () => {
        const first = await store.ingest(keyOf('changed'), { digest: digestOfBytes(Buffer.from('a')) });
        await first.write(Buffer.from('b'));
        await first.release();
        const second = await store.ingest(keyOf('changed'), { digest: digestOfBytes(Buffer.from('c')) });
        expect(second.offset).toBe(0);
        await second.discard();
      });

      it('is thrown away by abort', async () => {
        const ingest = await store.ingest(keyOf('aborted'));
        await ingest.write(Buffer.from('x'));
        await ingest.release();
        await store.abort(keyOf('aborted'));
        expect(await store.ingests()).toEqual([]);
        await expect(store.abort(keyOf('aborted'))).rejects.toMatchObject({ code: 'not-found' });
      });

      it('tells when it began and when it last grew', async () => {
        const before = Date.now() * 1000;
        const ingest = await store.ingest(keyOf('times'));
        await ingest.write(Buffer.from('x'));
        const [status] = await store.ingests();
        expect(status?.startedAt).toBeGreaterThanOrEqual(before);
        expect(status?.updatedAt).toBeGreaterThanOrEqual(before - 20_000);
        expect(status?.updatedAt).toBeLessThanOrEqual(Date.now() * 1000 + 20_000);
        await ingest.discard();
      });
    });

    describe('reading', () => {
      it('gives any range', async () => {
        const bytes = randomBytes(600_000);
        const digest = await put(store, 'ranges', bytes);
        const at = fc.integer({ min: 0, max: bytes.length });
        await fc.assert(
          fc.asyncProperty(at, fc.option(at, { nil: undefined }), async (offset, length) => {
            const got = await gather(
              store.read(digest, length === undefined ? { offset } : { offset, length }),
            );
            const end = length === undefined ? bytes.length : offset + length;
            expect(got.equals(bytes.subarray(offset, end))).toBe(true);
          }),
          { numRuns: 25 },
        );
      });

      it('refuses a range outside, and a digest that is not there', async () => {
        const digest = await put(store, 'small', Buffer.from('abc'));
        await expect(gather(store.read(digest, { offset: 4 }))).rejects.toMatchObject({
          code: 'invalid-argument',
        });
        await expect(gather(store.read(digest, { offset: -1 }))).rejects.toMatchObject({
          code: 'invalid-argument',
        });
        const absent = digestOfBytes(Buffer.from('absent'));
        await expect(gather(store.read(absent))).rejects.toMatchObject({ code: 'not-found' });
        await expect(store.readAll(absent, 10)).rejects.toMatchObject({ code: 'not-found' });
        await expect(store.verify(absent)).rejects.toMatchObject({ code: 'not-found' });
        expect(await store.size(absent)).toBeUndefined();
      });

      it('whole is bounded', async () => {
        const digest = await put(store, 'bounded', Buffer.from('abcdef'));
        expect(Buffer.from(await store.readAll(digest, 6)).toString()).toBe('abcdef');
        await expect(store.readAll(digest, 5)).rejects.toMatchObject({ code: 'resource-exhausted' });
      });

      it('can be left early', async () => {
        const bytes = randomBytes(2_000_000);
        const digest = await put(store, 'left', bytes);
        for await (const piece of store.read(digest)) {
          expect(piece.length).toBeGreaterThan(0);
          break;
        }
        expect(await store.verify(digest)).toBe(digest);
      });
    });

    describe('managing', () => {
      it('lists every digest with its size', async () => {
        const one = await put(store, '1', Buffer.from('one'));
        const three = await put(store, '3', Buffer.from('three'));
        const listed = new Map<string, number>();
        for await (const { digest, size } of store.list()) listed.set(digest, size);
        expect(listed).toEqual(
          new Map([
            [one, 3],
            [three, 5],
          ]),
        );
      });

      it('removes bytes, and nothing where there are none', async () => {
        const digest = await put(store, 'removed', Buffer.from('x'));
        await store.remove([digest]);
        expect(await store.size(digest)).toBeUndefined();
        await store.remove([digest]);
      });

      it('removes many at once, each whether the others are there or not', async () => {
        const many = await Promise.all(
          Array.from({ length: 100 }, (_, n) => put(store, `many ${n}`, Buffer.from(`many ${n}`))),
        );
        const absent = digestOfBytes(Buffer.from('nowhere'));
        await store.remove([absent, ...many]);
        for (const digest of many) expect(await store.size(digest)).toBeUndefined();
      });

      it('takes removal and commit of the same digest one after another', async () => {
        const bytes = randomBytes(10_000);
        const digest = digestOfBytes(bytes);
        await Promise.all(
          Array.from({ length: 20 }, async (_, n) => {
            if (n % 2 === 0) await put(store, `race ${n}`, bytes);
            else await store.remove([digest]);
          }),
        );
        await put(store, 'race end', bytes);
        expect(await store.verify(digest)).toBe(digest);
      });
    });
  });
};
