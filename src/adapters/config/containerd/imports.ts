import { readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { Rejection } from '../../../domain/rejection.ts';
import { hasCode } from '../../syscalls/error.ts';

/** Files that one may bring in, together. */
export const importLimit = 100;

const pattern = (name: string): RegExp => {
  const parts = name
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(`^${parts}$`);
};

const isPattern = (path: string): boolean => /[*?[]/.test(path);

/**
 * The files that one line of `imports` means: a path, or one whose last part is a pattern of `*`, `?` and `[…]`. Relative
 * ones begin at the file that imports. A pattern may mean none.
 * @throws Rejection `invalid-argument` for a pattern elsewhere
 */
export const importedFiles = (line: string, importer: string): readonly string[] => {
  const path = isAbsolute(line) ? line : join(dirname(importer), line);
  if (!isPattern(path)) return [path];
  const folder = dirname(path);
  if (isPattern(folder)) {
    throw new Rejection(
      'invalid-argument',
      `${importer}: imports: ${JSON.stringify(line)}: only the last part of a path may be a pattern`,
    );
  }
  const wanted = pattern(basename(path));
  try {
    return readdirSync(folder)
      .filter((name) => wanted.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
};
