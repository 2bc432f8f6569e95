import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import { Digest, IngestRef, Namespace, Size } from '../../domain/identity.ts';
import { errnoOf } from './disk-error.ts';
import type { IngestPaths } from './layout.ts';

/** What an unfinished write is for; JSON beside its bytes. */
export const RefFile = z
  .object({
    namespace: Namespace,
    ref: IngestRef,
    /** Microseconds since the Unix epoch. */
    startedAt: z.number().int(),
    expected: z.object({ digest: Digest.optional(), size: Size.optional() }),
  })
  .readonly();
export type RefFile = z.infer<typeof RefFile>;

/** What the bytes should turn out to be, as far as it is known. */
export interface Expected {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** @returns the file, or undefined where it is missing or torn: such an ingest begins anew */
export const readRefFile = async (paths: IngestPaths): Promise<RefFile | undefined> => {
  try {
    const parsed = RefFile.safeParse(parseJson(await readFile(paths.ref, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Written whole or not at all: readers never see half a file. */
export const writeRefFile = async (paths: IngestPaths, file: RefFile): Promise<void> => {
  const fresh = `${paths.ref}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(file));
  } finally {
    await handle.close();
  }
  await rename(fresh, paths.ref);
};

/** Whether an earlier attempt wrote the same thing, as far as both said what it is. */
export const sameExpectation = (one: Expected, other: Expected): boolean =>
  (one.digest === undefined || other.digest === undefined || one.digest === other.digest) &&
  (one.size === undefined || other.size === undefined || one.size === other.size);
