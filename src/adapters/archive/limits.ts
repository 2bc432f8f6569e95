/** What an archive may hold. Far above what images need, so that only an attack or an accident meets them. */
export interface ArchiveLimits {
  readonly entries: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of the archive, uncompressed. */
  readonly totalBytes: number;
}

export const defaultLimits: ArchiveLimits = {
  entries: 20_000,
  fileBytes: 128 * 1024 ** 3,
  totalBytes: 1024 ** 4,
};

/** Characters of one path. */
export const pathLimit = 1024;
