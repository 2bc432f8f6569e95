import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './child.ts';

const CACHE = '/var/tmp/shiplog-test-cache';

/**
 * A tar of a minimal Debian root, made by debootstrap once per machine and kept under /var/tmp. Needs root and a Debian
 * mirror.
 * @returns path of the uncompressed archive, in pax format with extended attributes
 */
export const debianTar = async (suite = 'bookworm'): Promise<string> => {
  const kept = join(CACHE, `${suite}-minbase.tar`);
  if (existsSync(kept)) return kept;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, 'making-'));
  try {
    const root = join(work, 'root');
    await runProgram('debootstrap', ['--variant=minbase', suite, root], { timeoutMs: 900_000 });
    const fresh = join(work, 'root.tar');
    const tarOptions = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--format=posix', '--sort=name'];
    await runProgram('tar', [...tarOptions, '-C', root, '-cf', fresh, '.'], { timeoutMs: 300_000 });
    renameSync(fresh, kept);
    return kept;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};
