import { createHash } from 'node:crypto';
import { Digest } from '../../domain/identity.ts';
import type { Archives } from '../../engine/ports/archive.ts';
import { type ArchiveLimits, defaultLimits } from './limits.ts';
import { openArchive } from './reader.ts';
import { writeArchive } from './writer.ts';

/** Archives of images as tar. */
export const createArchives = (limits: Partial<ArchiveLimits> = {}): Archives => ({
  open: (bytes) => openArchive(bytes, { ...defaultLimits, ...limits }),
  write: writeArchive,
  hasher: () => {
    const hash = createHash('sha256');
    return {
      update: (bytes) => {
        hash.update(bytes);
      },
      digest: () => Digest.parse(`sha256:${hash.digest('hex')}`),
    };
  },
});
