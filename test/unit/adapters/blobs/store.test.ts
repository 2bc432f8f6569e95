import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../../../src/adapters/blobs/store.ts';
import { type Digest, IngestRef, Namespace } from '../../../../src/domain/identity.ts';
import { digestOfBytes } from '../../../contract/blobs-contract.ts';

const namespace = Namespace.parse('default');
const key = (ref: string) => ({ namespace, ref: IngestRef.parse(ref) });

describe('blob store on disk', () => {
  let directory: string;
  let warnings: string[];
  const open = () => createBlobStore({ directory, warn: (message) => warnings.push(message) });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'shiplog-blobs-'));
    warnings = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('lays blobs out by algorithm and hex', async () => {
    const store = open();
    const ingest = await store.ingest(key('layout'));
    await ingest.write(Buffer.from('bytes'));
    const { digest } = await ingest.commit();
    expect(store.path(digest)).toBe(join(directory, 'blobs', 'sha256', digest.slice(7)));
    expect(existsSync(store.path(digest))).toBe(true);
    expect(await readdir(join(directory, 'ingest'))).toEqual([]);
  });

  it('heals a damaged blob when the same bytes are committed again', async () => {
    const store = open();
    const bytes = randomBytes(4096);
    const digest = digestOfBytes(bytes);
    await writeFile(store.path(digest), 'damaged');
    expect(await store.verify(digest)).not.toBe(digest);
    const ingest = await store.ingest(key('heal'), { digest });
    await ingest.write(bytes);
    await ingest.commit();
    expect(await store.verify(digest)).toBe(digest);
  });

  it('begins anew where the ref file is torn, and removes it when listed', async () => {
    const first = await open().ingest(key('torn'));
    await first.write(Buffer.from('half'));
    await first.release();
    const [name] = await readdir(join(directory, 'ingest'));
    const ref = join(directory, 'ingest', name ?? '', 'ref');
    await writeFile(ref, '{"namespace":"defa');
    const again = await open().ingest(key('torn'));
    expect(again.offset).toBe(0);
    await again.release();
    await writeFile(ref, '');
    expect(await open().ingests()).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('ref file')]);
    expect(await readdir(join(directory, 'ingest'))).toEqual([]);
  });

  it('throws away what an earlier attempt wrote past the expected size', async () => {
    const first = await open().ingest(key('too long'));
    await first.write(Buffer.from('0123456789'));
    await first.release();
    const second = await open().ingest(key('too long'), { size: 4 });
    expect(second.offset).toBe(0);
    await second.write(Buffer.from('abcd'));
    expect((await second.commit()).digest).toBe(digestOfBytes(Buffer.from('abcd')));
  });

  it('verifies bytes that changed between two attempts', async () => {
    const bytes = Buffer.from('first half, second half');
    const expected = { digest: digestOfBytes(bytes), size: bytes.length };
    const first = await open().ingest(key('rotten'), expected);
    await first.write(bytes.subarray(0, 10));
    await first.release();
    const [name] = await readdir(join(directory, 'ingest'));
    await writeFile(join(directory, 'ingest', name ?? '', 'data'), 'first hulf');
    const second = await open().ingest(key('rotten'), expected);
    await second.write(bytes.subarray(10));
    await expect(second.commit()).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('leaves files alone that are not blobs, and says so', async () => {
    const store = open();
    await writeFile(join(directory, 'blobs', 'sha256', 'README'), 'hello');
    const listed: Digest[] = [];
    for await (const { digest } of store.list()) listed.push(digest);
    expect(listed).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('README')]);
  });

  it('says where it cannot be made', async () => {
    await writeFile(join(directory, 'file'), '');
    expect(() => createBlobStore({ directory: join(directory, 'file', 'store') })).toThrow(
      /make the blob store/,
    );
  });
});

/** A full disk can only be had by mounting one. */
const root = process.getuid?.() === 0;
describe.skipIf(!root)(
  `blob store on a full disk${root ? '' : ' (skipped: needs root to mount a tmpfs)'}`,
  () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'shiplog-full-'));
      await mkdir(join(directory, 'disk'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(directory, 'disk')]);
    });
    afterEach(async () => {
      execFileSync('umount', [join(directory, 'disk')]);
      await rm(directory, { recursive: true, force: true });
    });

    it('refuses with the reason, and goes on when there is space again', async () => {
      const store = createBlobStore({ directory: join(directory, 'disk') });
      const filler = await store.ingest(key('filler'));
      await filler.write(randomBytes(700_000));
      const bytes = randomBytes(600_000);
      const ingest = await store.ingest(key('refused'), { digest: digestOfBytes(bytes), size: bytes.length });
      await ingest.write(bytes.subarray(0, 100_000));
      await expect(ingest.write(bytes.subarray(100_000))).rejects.toMatchObject({
        code: 'resource-exhausted',
        message: expect.stringMatching(/disk is full.*ENOSPC/),
      });
      expect(ingest.offset).toBe(100_000);
      await expect(ingest.commit()).rejects.toMatchObject({ code: 'failed-precondition' });
      await filler.discard();
      await ingest.truncate(100_000);
      await ingest.write(bytes.subarray(100_000));
      expect(await ingest.commit()).toEqual({ digest: digestOfBytes(bytes), size: bytes.length });
    });
  },
);
