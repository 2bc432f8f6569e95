import { mkdir, opendir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Digest } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { BlobIngester, BlobManager, BlobStore, IngestStatus } from '../../engine/ports/blobs.ts';
import { diskRejection, errnoOf } from './disk-error.ts';
import { makeDirectories } from './durability.ts';
import { hashOfFile } from './hash-file.ts';
import { openIngest } from './ingest.ts';
import { lastWriteOf } from './last-write.ts';
import { algorithmOf, algorithms, digestOf, ingestName, type Layout, layoutAt } from './layout.ts';
import { OpenBlobs } from './open-blobs.ts';
import { createProvider, openBlob } from './provider.ts';
import { type Expected, readRefFile, sameExpectation, writeRefFile } from './ref-file.ts';
import { createRemove } from './remove.ts';
import { createTurns, type Turns } from './turns.ts';

export interface BlobStoreOptions {
  /** Absolute; made where it is missing. One process at a time may have it. */
  readonly directory: string;
  /** Microseconds since the Unix epoch; the system's clock when absent. */
  readonly now?: () => number;
  /** Told of files that don't belong in the store. */
  readonly warn?: (message: string) => void;
}

/** Blobs as plain files, see layout.ts. @throws Rejection where the directory can't be made */
export const createBlobStore = ({ directory, now, warn }: BlobStoreOptions): BlobStore => {
  const layout = layoutAt(directory);
  try {
    makeDirectories([...algorithms.map((algorithm) => layout.blobDirectory(algorithm)), layout.ingests]);
  } catch (error) {
    throw diskRejection(error, 'make the blob store', directory);
  }
  const turns = createTurns();
  const tell = warn ?? (() => {});
  const atHand = new OpenBlobs((digest) => openBlob(layout, digest));
  return {
    ...createProvider(layout, atHand),
    ...createIngester(layout, turns, atHand, now ?? (() => Date.now() * 1000), tell),
    ...createManager(layout, turns, atHand, tell),
  };
};

const createIngester = (
  layout: Layout,
  turns: Turns,
  atHand: OpenBlobs,
  now: () => number,
  warn: (message: string) => void,
): BlobIngester => {
  /** Names of ingests that have a writer. */
  const held = new Set<string>();
  const hold = (name: string, ref: string): void => {
    if (held.has(name)) {
      throw new Rejection(
        'unavailable',
        `ingest '${ref}' has another writer; wait for it or use another ref`,
      );
    }
    held.add(name);
  };

  /** The directory of an ingest with its ref file; what an earlier attempt left is kept if it was for the same thing. */
  const prepare = async (name: string, key: Parameters<BlobIngester['ingest']>[0], expected: Expected) => {
    const paths = layout.ingest(name);
    const earlier = await readRefFile(paths);
    if (earlier !== undefined && sameExpectation(earlier.expected, expected)) return;
    await rm(paths.directory, { recursive: true, force: true });
    await mkdir(paths.directory, { mode: 0o700 });
    const { digest, size } = expected;
    await writeRefFile(paths, {
      namespace: key.namespace,
      ref: key.ref,
      startedAt: now(),
      expected: { ...(digest === undefined ? {} : { digest }), ...(size === undefined ? {} : { size }) },
    });
  };

  const statusOf = async (name: string): Promise<IngestStatus | undefined> => {
    const paths = layout.ingest(name);
    const ref = await readRefFile(paths);
    if (ref === undefined) {
      if (held.has(name)) return undefined;
      warn(`removed ${paths.directory}: an unfinished write whose ref file is missing or torn`);
      await rm(paths.directory, { recursive: true, force: true });
      return undefined;
    }
    const data = await stat(paths.data, { bigint: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    const updatedAt = data === undefined ? ref.startedAt : lastWriteOf(data);
    return {
      namespace: ref.namespace,
      ref: ref.ref,
      offset: Number(data?.size ?? 0),
      startedAt: ref.startedAt,
      updatedAt,
    };
  };

  return {
    async ingest(key, expected = {}) {
      const name = ingestName(key);
      hold(name, key.ref);
      try {
        await prepare(name, key, expected);
        const paths = layout.ingest(name);
        return await openIngest({
          ...{ key, paths, layout, expected, turns },
          stored: (digest) => atHand.forget(digest),
          letGo: () => held.delete(name),
        });
      } catch (error) {
        held.delete(name);
        throw diskRejection(error, `open ingest '${key.ref}'`, layout.ingest(name).directory);
      }
    },

    async ingests() {
      const found: IngestStatus[] = [];
      for (const name of await readdir(layout.ingests)) {
        const status = await statusOf(name);
        if (status !== undefined) found.push(status);
      }
      return found;
    },

    async abort(key) {
      const name = ingestName(key);
      hold(name, key.ref);
      try {
        await rm(layout.ingest(name).directory, { recursive: true });
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') throw new Rejection('not-found', `there is no ingest '${key.ref}'`);
        throw diskRejection(error, `abort ingest '${key.ref}'`, layout.ingest(name).directory);
      } finally {
        held.delete(name);
      }
    },
  };
};

const createManager = (
  layout: Layout,
  turns: Turns,
  atHand: OpenBlobs,
  warn: (message: string) => void,
): BlobManager => ({
  async *list() {
    for (const algorithm of algorithms) {
      const folder = layout.blobDirectory(algorithm);
      for await (const entry of await opendir(folder, { bufferSize: 256 })) {
        const digest = Digest.safeParse(`${algorithm}:${entry.name}`);
        if (!digest.success) {
          warn(`${join(folder, entry.name)} is not a blob; it is left alone`);
          continue;
        }
        const file = await stat(join(folder, entry.name)).catch((error: unknown) => {
          // Removed since the directory was read.
          if (errnoOf(error) === 'ENOENT') return undefined;
          throw diskRejection(error, `look at blob ${digest.data}`, folder);
        });
        if (file !== undefined) yield { digest: digest.data, size: file.size };
      }
    }
  },

  remove: createRemove(layout, turns, atHand),

  async verify(digest) {
    const file = await openBlob(layout, digest);
    try {
      const { hash } = await hashOfFile(file, algorithmOf(digest));
      return digestOf(algorithmOf(digest), hash.digest('hex'));
    } catch (error) {
      throw diskRejection(error, `verify blob ${digest}`, layout.blob(digest));
    } finally {
      await file.close();
    }
  },
});
