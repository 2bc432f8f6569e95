import { isRejection, Rejection, type RejectionCode } from '../../domain/rejection.ts';

const codes: Readonly<Record<string, { code: RejectionCode; advice: string }>> = {
  ENOSPC: {
    code: 'resource-exhausted',
    advice: 'the disk is full; free space or remove images, then try again',
  },
  EDQUOT: { code: 'resource-exhausted', advice: 'the disk quota is used up; raise it or remove images' },
  EFBIG: {
    code: 'resource-exhausted',
    advice: 'the file is larger than the file system or the limit allows',
  },
  EMFILE: { code: 'resource-exhausted', advice: 'too many open files; raise the limit of the daemon' },
  EROFS: { code: 'failed-precondition', advice: 'the file system is read-only' },
  EACCES: { code: 'permission-denied', advice: 'the daemon may not write there' },
  EIO: { code: 'data-loss', advice: 'the disk reports an I/O error; check it before trying again' },
};

/** The errno name of a caught value, such as `ENOENT`; undefined where it has none. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/**
 * A failed file operation as a rejection.
 * @param doing what was being done, such as `write 65536 bytes at 0 of ingest 'x'`
 * @param path where
 */
export const diskRejection = (error: unknown, doing: string, path: string): Rejection => {
  if (isRejection(error)) return error;
  const errno = errnoOf(error);
  const known = errno === undefined ? undefined : codes[errno];
  const words = error instanceof Error ? error.message : String(error);
  return new Rejection(
    known?.code ?? 'internal',
    known ? `cannot ${doing} (${path}): ${known.advice} (${errno})` : `cannot ${doing} (${path}): ${words}`,
    { cause: error },
  );
};
