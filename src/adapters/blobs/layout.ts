import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Digest } from '../../domain/identity.ts';
import type { IngestKey } from '../../engine/ports/blobs.ts';

/**
 * Where things are under the store's directory:
 *
 *     blobs/<algorithm>/<hex>      whole, verified, synced bytes
 *     ingest/<name>/data           bytes of an unfinished write
 *     ingest/<name>/ref            what the write is, see ref-file.ts
 *
 * Both live on one file system, so that a commit is a rename.
 */
export interface Layout {
  readonly root: string;
  readonly ingests: string;
  blobDirectory(algorithm: Algorithm): string;
  blob(digest: Digest): string;
  ingest(name: string): IngestPaths;
}

export interface IngestPaths {
  readonly directory: string;
  readonly data: string;
  readonly ref: string;
}

export const algorithms = ['sha256', 'sha512'] as const;
export type Algorithm = (typeof algorithms)[number];

/** The hash that a digest names; the brand holds that there is no other. */
export const algorithmOf = (digest: Digest): Algorithm =>
  digest.startsWith('sha512:') ? 'sha512' : 'sha256';

export const digestOf = (algorithm: Algorithm, hex: string): Digest => Digest.parse(`${algorithm}:${hex}`);

/** Folder name of an ingest: refs are free text, so they are hashed. Neither part can hold a NUL. */
export const ingestName = (key: IngestKey): string =>
  createHash('sha256').update(`${key.namespace}\0${key.ref}`).digest('hex');

export const layoutAt = (root: string): Layout => ({
  root,
  ingests: join(root, 'ingest'),
  blobDirectory: (algorithm) => join(root, 'blobs', algorithm),
  blob: (digest) => join(root, 'blobs', algorithmOf(digest), digest.slice(digest.indexOf(':') + 1)),
  ingest: (name) => {
    const directory = join(root, 'ingest', name);
    return { directory, data: join(directory, 'data'), ref: join(directory, 'ref') };
  },
});
