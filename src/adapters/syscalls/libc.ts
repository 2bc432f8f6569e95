import { constants } from 'node:os';
import koffi from 'koffi';
import { SyscallError } from './error.ts';

/**
 * The C library of this very process, through koffi (ADR 0006). Paths go in as NUL-terminated bytes, so that names which
 * are not UTF-8 stay exact. koffi knows no ssize_t: such results are declared int64_t.
 */
type Library = ReturnType<typeof koffi.load>;
let opened: Library | undefined;
const library = (): Library => {
  opened ??= koffi.load(null);
  return opened;
};

/** Declares a function, to be looked up at its first call; the caller says its TypeScript shape, beside the C one. */
export const declare = <F extends (...args: never[]) => number>(prototype: string): F => {
  let found: F | undefined;
  return ((...args: never[]) => {
    found ??= library().func(prototype) as unknown as F;
    return found(...args);
  }) as F;
};

/** As `declare`, to be run on libuv's thread pool. Its errno can't be read afterwards: see {@link retried}. */
export const declareAsync = <A extends readonly unknown[]>(
  prototype: string,
): ((...args: A) => Promise<number>) => {
  let found: ReturnType<Library['func']> | undefined;
  return (...args) =>
    new Promise((resolve, reject) => {
      found ??= library().func(prototype);
      found.async(...args, (error: unknown, result: number) => (error ? reject(error) : resolve(result)));
    });
};

/** A path or name as C wants it. A Buffer that ends in NUL is taken as it is. */
export const cstring = (text: string | Buffer): Buffer => {
  if (typeof text === 'string') {
    if (text.includes('\0')) throw new SyscallError('path', constants.errno.EINVAL, JSON.stringify(text));
    return Buffer.from(`${text}\0`, 'utf8');
  }
  return text.at(-1) === 0 ? text : Buffer.concat([text, Buffer.from([0])]);
};

const shown = (about: string | Buffer | number): string => {
  if (typeof about === 'number') return `fd ${about}`;
  if (typeof about === 'string') return about;
  const end = about.indexOf(0);
  return about.toString('utf8', 0, end < 0 ? about.length : end);
};

/** errno of the call just made on this thread; 0 where the result says it went well. */
export const errnoOf = (result: number): number => (result < 0 ? koffi.errno() : 0);

/** The result, or a throw with errno where it is negative. Must follow the call at once. */
export const check = (result: number, syscall: string, about: string | Buffer | number): number => {
  if (result < 0) throw new SyscallError(syscall, koffi.errno(), shown(about));
  return result;
};

/**
 * Runs a call off this thread and, where it fails, once more on this one: errno belongs to the thread of the call, and
 * only the second attempt's can be read. Right for calls that fail the same way twice, or succeed the second time.
 */
export const retried = async (
  first: () => Promise<number>,
  again: () => number,
  syscall: string,
  about: string | Buffer | number,
): Promise<number> => {
  const result = await first();
  return result >= 0 ? result : check(again(), syscall, about);
};
