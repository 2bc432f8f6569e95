import { unlink } from 'node:fs/promises';
import type { Digest } from '../../domain/identity.ts';
import { diskRejection, errnoOf } from './disk-error.ts';
import type { Layout } from './layout.ts';
import type { OpenBlobs } from './open-blobs.ts';
import { RemovalThread } from './removal-thread.ts';
import type { Turns } from './turns.ts';

/** From so many on it pays to start a thread. */
const many = 64;

/**
 * Removes blobs' files, some at a time. Their folder is not synced: a file that comes back after a power cut is garbage,
 * and is swept.
 * @throws Rejection of the first that could not be removed, once all were tried
 */
export const createRemove = (layout: Layout, turns: Turns, atHand: OpenBlobs) => {
  const thread = new RemovalThread();
  /** Ends with the work that the thread was given last. */
  let last: Promise<unknown> = Promise.resolve();

  const removeMany = async (digests: readonly Digest[]): Promise<void> => {
    const unremoved = await thread.remove(digests.map((digest) => layout.blob(digest)));
    for (const digest of digests) atHand.forget(digest);
    const [first] = unremoved;
    if (first === undefined) return;
    const error = Object.assign(new Error(first.message), { code: first.code });
    throw diskRejection(error, `remove ${unremoved.length} of ${digests.length} blobs`, first.path);
  };

  const removeOne = async (digest: Digest): Promise<void> => {
    const path = layout.blob(digest);
    try {
      await unlink(path);
      atHand.forget(digest);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw diskRejection(error, `remove blob ${digest}`, path);
    }
  };

  const removeFew = async (digests: readonly Digest[]): Promise<void> => {
    const failures: unknown[] = [];
    for (const digest of digests) await removeOne(digest).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };

  return (digests: readonly Digest[]): Promise<void> =>
    turns.takeAll(digests, async () => {
      if (digests.length < many) return removeFew(digests);
      const over = (): void => undefined;
      const done = last.then(() => removeMany(digests));
      last = done.then(over, over);
      return done;
    });
};
