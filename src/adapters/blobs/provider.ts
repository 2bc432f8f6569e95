import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Digest } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { BlobProvider } from '../../engine/ports/blobs.ts';
import { diskRejection, errnoOf } from './disk-error.ts';
import { readRange } from './hash-file.ts';
import type { Layout } from './layout.ts';
import type { OpenBlobs } from './open-blobs.ts';

/** @throws Rejection `not-found` where the digest has no bytes */
export const openBlob = async (layout: Layout, digest: Digest): Promise<FileHandle> => {
  try {
    return await open(layout.blob(digest), 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new Rejection('not-found', `blob ${digest} is not in the store`, { cause: error });
    }
    throw diskRejection(error, `open blob ${digest}`, layout.blob(digest));
  }
};

/** Reading what is there. */
export const createProvider = (layout: Layout, atHand: OpenBlobs): BlobProvider => ({
  path: (digest) => layout.blob(digest),

  async size(digest) {
    try {
      return (await stat(layout.blob(digest))).size;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw diskRejection(error, `look at blob ${digest}`, layout.blob(digest));
    }
  },

  async *read(digest, { offset = 0, length } = {}) {
    const { blob, release } = await atHand.acquire(digest);
    try {
      const { size, file, bytes } = blob;
      const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length ?? 0);
      if (!whole || offset < 0 || offset > size || (length ?? 0) < 0) {
        throw new Rejection(
          'invalid-argument',
          `cannot read ${length ?? 'all'} bytes at ${offset} of blob ${digest}: it has ${size} bytes`,
        );
      }
      const end = length === undefined ? size : Math.min(size, offset + length);
      if (file) yield* readRange(file, offset, end);
      else if (bytes && end > offset) yield bytes.subarray(offset, end);
    } catch (error) {
      throw diskRejection(error, `read blob ${digest}`, layout.blob(digest));
    } finally {
      await release();
    }
  },

  async readAll(digest, limit) {
    const file = await openBlob(layout, digest);
    try {
      const { size } = await file.stat();
      if (size > limit) {
        throw new Rejection(
          'resource-exhausted',
          `blob ${digest} has ${size} bytes, over the limit of ${limit} for reading it whole`,
        );
      }
      return await file.readFile();
    } catch (error) {
      throw diskRejection(error, `read blob ${digest}`, layout.blob(digest));
    } finally {
      await file.close();
    }
  },
});
