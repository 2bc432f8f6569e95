import { Rejection } from '../../domain/rejection.ts';

/** Where the log's bytes are not what was written. */
export interface Damage {
  readonly file: string;
  /** Byte offset in the file. */
  readonly offset: number;
  readonly what: string;
  /** Of the first event that is not what was written, where that can be told. */
  readonly position?: number;
}

/** Damage that is no torn tail. Nothing is skipped: whoever meets it stops. */
export class LogDamage extends Rejection {
  readonly damage: Damage;
  constructor(damage: Damage) {
    super(
      'data-loss',
      `The log is damaged: ${damage.file}, byte ${damage.offset}: ${damage.what}. Nothing after it is trusted. ` +
        'Restore the file from a copy; the log is not changed meanwhile.',
    );
    this.name = 'LogDamage';
    this.damage = damage;
  }
}

const outOfSpace = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What an error of the file system means to whoever opens or appends. */
export const ioRejection = (error: unknown, directory: string): Rejection => {
  if (error instanceof Rejection) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words = error instanceof Error ? error.message : String(error);
  return outOfSpace.has(code)
    ? new Rejection(
        'resource-exhausted',
        `Using the log in ${directory} failed: ${words}. Free space there and try again; nothing acknowledged is lost.`,
        { cause: error },
      )
    : new Rejection(
        'unavailable',
        `Using the log in ${directory} failed: ${words}. Look at the disk (dmesg) and the permissions and try again; nothing acknowledged is lost.`,
        { cause: error },
      );
};

/**
 * What an append that failed is refused with.
 * @param left why what it had written could not be cut off again; absent where nothing of it is left
 */
export const refusalOf = (error: unknown, left: Error | undefined, directory: string): Rejection => {
  const refusal = ioRejection(error, directory);
  if (left === undefined) return refusal;
  return new Rejection(
    refusal.code,
    `${refusal.message} It could not be taken back either (${left.message}): until the log is written again, a crash may leave it done.`,
    { cause: error },
  );
};
