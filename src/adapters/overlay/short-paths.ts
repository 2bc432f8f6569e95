import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The kernel copies one page of options, the last byte of which is NUL. */
const PAGE = 4096;

export interface FittedOptions {
  readonly data: string;
  /** Must be called when the mount is made, or has failed. */
  release(): void;
}

/**
 * Makes overlay options fit the page that mount(2) takes. With many layers the lower directories' names don't; they are
 * then named through short symlinks, which the kernel follows once, while mounting, so that they can go right away.
 * Works on every kernel with overlayfs; `lowerdir+` of fsconfig(2) needs 6.7.
 * @param scratch a directory for the symlinks, its own name short
 */
export const fitOverlayOptions = (options: readonly string[], scratch: string): FittedOptions => {
  const data = options.join(',');
  if (Buffer.byteLength(data) < PAGE) return { data, release: () => undefined };
  const links = mkdtempSync(join(scratch, 'l-'));
  const shorten = (path: string, index: number): string => {
    const name = join(links, index.toString(36));
    symlinkSync(path, name);
    return name;
  };
  const short = options.map((option) =>
    option.startsWith('lowerdir=')
      ? `lowerdir=${option.slice('lowerdir='.length).split(':').map(shorten).join(':')}`
      : option,
  );
  return { data: short.join(','), release: () => rmSync(links, { recursive: true, force: true }) };
};
