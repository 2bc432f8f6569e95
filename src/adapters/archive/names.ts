import { posix } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import { pathLimit } from './limits.ts';

const refuse = (name: string, why: string): Rejection =>
  new Rejection(
    'failed-precondition',
    `the archive holds '${name.slice(0, 200)}': ${why}; this is no archive that a decent program wrote`,
  );

/**
 * The path of an entry as the rest of the house takes it: relative, without `.`, `..` and doubled slashes.
 * @throws Rejection `failed-precondition` where it leads out of the archive
 */
export const entryPath = (name: string): string => {
  if (name.length > pathLimit) throw refuse(name, `its name is longer than ${pathLimit} characters`);
  if (name.includes('\0')) throw refuse(name, 'its name holds a NUL');
  if (name.startsWith('/')) throw refuse(name, 'its name is an absolute path');
  if (name.split('/').includes('..')) throw refuse(name, "its name holds '..'");
  return posix.normalize(name).replace(/\/$/, '');
};

/**
 * What a link stands for. A symbolic link counts from its own folder, a hard link from the top of the archive.
 * @throws Rejection `failed-precondition` where it leads out of the archive
 */
export const linkTarget = (path: string, target: string, kind: 'symlink' | 'link'): string => {
  if (target === '' || target.length > pathLimit || target.includes('\0') || target.startsWith('/')) {
    throw refuse(path, `it is a link to '${target.slice(0, 200)}'`);
  }
  const whole = kind === 'symlink' ? posix.join(posix.dirname(path), target) : posix.normalize(target);
  if (whole === '..' || whole.startsWith('../')) throw refuse(path, `it is a link out of it, to '${target}'`);
  return whole.replace(/\/$/, '');
};
