import { constants } from 'node:os';

const namesByNumber: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** A system call that failed, in the shape of Node's own errors: `code` is the name of `errno`, such as `ENOENT`. */
export class SyscallError extends Error {
  readonly code: string;
  /** Positive, as in errno(3). */
  readonly errno: number;
  readonly syscall: string;
  /** What it was about: a path, a name or a descriptor. */
  readonly about: string;
  constructor(syscall: string, errno: number, about: string) {
    const code = namesByNumber.get(errno) ?? `E${errno}`;
    super(`${code}: ${syscall}${about === '' ? '' : ` '${about}'`}`);
    this.name = 'SyscallError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.about = about;
  }
}

/** Whether an error, ours or Node's, carries one of these codes. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.some((code) => code === error.code);
