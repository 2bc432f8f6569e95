import type { Hash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Ingest, IngestKey } from '../../engine/ports/blobs.ts';
import { diskRejection } from './disk-error.ts';
import { syncDirectory } from './durability.ts';
import { hashOfFile } from './hash-file.ts';
import { lastWriteOf, noteLastWrite } from './last-write.ts';
import { type Algorithm, algorithmOf, digestOf, type IngestPaths, type Layout } from './layout.ts';
import type { Expected } from './ref-file.ts';
import type { Turns } from './turns.ts';

export interface OpenIngest {
  readonly key: IngestKey;
  readonly paths: IngestPaths;
  readonly layout: Layout;
  readonly expected: Expected;
  readonly turns: Turns;
  /** Called when the bytes stand in their place, which others may have had before. */
  readonly stored: (digest: Digest) => void;
  /** Called once, when the ingest is over and another writer may have it. */
  readonly letGo: () => void;
}

/**
 * Opens the data file at the offset that an earlier attempt reached, its bytes hashed again. Bytes beyond the expected
 * size cannot be right: then it starts at 0.
 */
export const openIngest = async (options: OpenIngest): Promise<Ingest> => {
  const { paths, expected, key } = options;
  const algorithm = expected.digest === undefined ? 'sha256' : algorithmOf(expected.digest);
  const doing = `open ingest '${key.ref}'`;
  let file: FileHandle | undefined;
  try {
    file = await open(paths.data, 'a+', 0o644);
    const updatedAt = lastWriteOf(await file.stat({ bigint: true }));
    let { hash, bytes } = await hashOfFile(file, algorithm);
    if (expected.size !== undefined && bytes > expected.size) {
      await file.truncate(0);
      ({ hash, bytes } = await hashOfFile(file, algorithm, 0));
    }
    return writer(options, { file, updatedAt, hash, offset: bytes }, algorithm);
  } catch (error) {
    await file?.close();
    throw diskRejection(error, doing, paths.data);
  }
};

/** What an earlier attempt has left, or nothing yet. */
interface Reached {
  readonly file: FileHandle;
  readonly hash: Hash;
  readonly offset: number;
  /** Microseconds since the Unix epoch. */
  readonly updatedAt: number;
}

const writer = (
  { key, paths, layout, expected, turns, stored, letGo }: OpenIngest,
  { file, updatedAt, ...reached }: Reached,
  algorithm: Algorithm,
): Ingest => {
  let { hash, offset } = reached;
  let state: 'open' | 'failed' | 'over' = 'open';
  /** One thing at a time happens to the file, in the order of the calls. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    // The caller has `result` and its error; the next in turn only waits for the end.
    turn = result.catch(() => undefined);
    return result;
  };
  const live = (): void => {
    if (state === 'over') throw new Rejection('failed-precondition', `ingest '${key.ref}' is over already`);
  };
  const close = async (): Promise<void> => {
    state = 'over';
    try {
      await file.close();
    } finally {
      letGo();
    }
  };
  const discard = async (): Promise<void> => {
    try {
      await rm(paths.directory, { recursive: true, force: true });
    } finally {
      await close();
    }
  };

  const append = async (bytes: Uint8Array): Promise<void> => {
    // The kernel takes the bytes in the thread pool while this thread hashes them.
    const writing = writeWhole(file, bytes);
    hash.update(bytes);
    try {
      await writing;
    } catch (error) {
      // The hash has run ahead of the file: only `truncate`, which hashes anew, makes it whole again.
      state = 'failed';
      throw diskRejection(
        error,
        `write ${bytes.length} bytes at ${offset} of ingest '${key.ref}'`,
        paths.data,
      );
    }
    offset += bytes.length;
  };

  const digestFor = async (wanted: Digest | undefined): Promise<Digest> => {
    const asked = wanted === undefined ? algorithm : algorithmOf(wanted);
    const whole = asked === algorithm ? hash : (await hashOfFile(file, asked)).hash;
    return digestOf(asked, whole.copy().digest('hex'));
  };

  const store = async (digest: Digest): Promise<void> => {
    const target = layout.blob(digest);
    try {
      await file.datasync();
    } catch (error) {
      // Pages that failed to reach the disk may look clean afterwards, so a second sync would lie: begin anew.
      await discard();
      throw diskRejection(error, `sync ${offset} bytes of ingest '${key.ref}'`, paths.data);
    }
    try {
      await turns.take(digest, async () => {
        // An equal blob that is there already is replaced, which also heals one that was damaged; its readers keep theirs.
        await rename(paths.data, target);
        stored(digest);
        await syncDirectory(dirname(target));
      });
    } catch (error) {
      throw diskRejection(error, `store ${digest} (${offset} bytes)`, target);
    }
  };

  return {
    key,
    path: paths.data,
    updatedAt,
    get offset() {
      return offset;
    },
    write: (bytes) =>
      inTurn(async () => {
        live();
        if (state === 'failed') {
          throw new Rejection('failed-precondition', `ingest '${key.ref}' has failed; release or discard it`);
        }
        if (expected.size !== undefined && offset + bytes.length > expected.size) {
          throw new Rejection(
            'failed-precondition',
            `ingest '${key.ref}' expects ${expected.size} bytes, but ${offset + bytes.length} came; the source gives something else`,
          );
        }
        if (bytes.length > 0) await append(bytes);
      }),
    digest: () =>
      inTurn(async () => {
        live();
        return digestFor(undefined);
      }),
    truncate: (to) =>
      inTurn(async () => {
        live();
        if (!Number.isSafeInteger(to) || to < 0 || to > offset) {
          throw new Rejection(
            'invalid-argument',
            `cannot cut ingest '${key.ref}' of ${offset} bytes to ${to}`,
          );
        }
        try {
          await file.truncate(to);
          ({ hash, bytes: offset } = await hashOfFile(file, algorithm, to));
          state = 'open';
        } catch (error) {
          state = 'failed';
          throw diskRejection(error, `cut ingest '${key.ref}' to ${to} bytes`, paths.data);
        }
      }),
    commit: (also = {}) =>
      inTurn(async () => {
        live();
        if (state === 'failed') {
          throw new Rejection('failed-precondition', `ingest '${key.ref}' has failed; release or discard it`);
        }
        const digest = await digestFor(also.digest ?? expected.digest);
        const wrong =
          difference({ digest, size: offset }, expected) ?? difference({ digest, size: offset }, also);
        if (wrong !== undefined) throw new Rejection('failed-precondition', `ingest '${key.ref}' ${wrong}`);
        await store(digest);
        const size = offset;
        await discard();
        return { digest, size };
      }),
    release: (lastWrite) =>
      inTurn(async () => {
        if (state === 'over') return;
        try {
          if (lastWrite !== undefined) await noteLastWrite(file, lastWrite);
        } finally {
          await close();
        }
      }),
    discard: () =>
      inTurn(async () => {
        if (state !== 'over') await discard();
      }),
  };
};

/** The file is in append mode, so a short write goes on where it stopped. */
const writeWhole = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
    done += bytesWritten;
  }
};

const difference = (found: { digest: Digest; size: number }, expected: Expected): string | undefined => {
  if (expected.size !== undefined && expected.size !== found.size) {
    return `has ${found.size} bytes where ${expected.size} were expected`;
  }
  if (expected.digest !== undefined && expected.digest !== found.digest) {
    return `has digest ${found.digest} where ${expected.digest} was expected`;
  }
  return undefined;
};
