/** fs-ext ships no types; the one call used here. @throws an errno error, EAGAIN when another holds the lock */
declare module 'fs-ext' {
  export function flockSync(fd: number, operation: 'exnb' | 'un'): void;
}
