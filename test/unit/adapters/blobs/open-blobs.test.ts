import { writeFileSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenBlobs } from '../../../../src/adapters/blobs/open-blobs.ts';
import { Digest } from '../../../../src/domain/identity.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const digest = Digest.parse(`sha256:${'ab'.repeat(32)}`);
const large = 100 * 1024;

let temp: ReturnType<typeof makeTempDir>;
let opened: number;
let blobs: OpenBlobs;
const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
const put = (bytes: number): void => writeFileSync(join(temp.path, 'blob'), Buffer.alloc(bytes, 1));
const read = async (of: Digest = digest): Promise<number> => {
  const { blob, release } = await blobs.acquire(of);
  await release();
  return blob.size;
};

beforeEach(() => {
  temp = makeTempDir('open-blobs');
  opened = 0;
  blobs = new OpenBlobs(async () => {
    opened += 1;
    return open(join(temp.path, 'blob'), 'r');
  });
});
afterEach(() => temp.remove());

describe('blobs at hand', () => {
  it.each([0, 10, large])('are opened once for many reads: %i bytes', async (bytes) => {
    put(bytes);
    for (let reads = 0; reads < 5; reads += 1) expect(await read()).toBe(bytes);
    expect(opened).toBe(1);
    blobs.forget(digest);
  });

  it('are in memory where they are small, with no file open', async () => {
    put(10);
    const { blob, release } = await blobs.acquire(digest);
    expect(blob).toEqual({ size: 10, bytes: Buffer.alloc(10, 1) });
    await release();
  });

  it('are read anew once they were removed or replaced, while whoever reads goes on', async () => {
    put(large);
    const { blob, release } = await blobs.acquire(digest);
    blobs.forget(digest);
    expect(await read()).toBe(large);
    expect(opened).toBe(2);
    expect((await blob.file?.read(Buffer.alloc(1), 0, 1, 0))?.bytesRead).toBe(1);
    await release();
    await expect(blob.file?.stat()).rejects.toThrow(/closed|EBADF/);
    blobs.forget(digest);
  });

  it('are tried again after one that could not be opened', async () => {
    await expect(read()).rejects.toThrow(/ENOENT/);
    put(10);
    expect(await read()).toBe(10);
  });

  it('are few', async () => {
    put(large);
    const before = await openFiles();
    const digests = Array.from({ length: 100 }, (_, at) =>
      Digest.parse(`sha256:${at.toString(16).padStart(64, '0')}`),
    );
    for (const one of digests) await read(one);
    expect((await openFiles()) - before).toBeLessThan(40);
    for (const one of digests) blobs.forget(one);
  });
});
