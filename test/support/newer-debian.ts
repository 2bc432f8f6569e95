import { spawnSync } from 'node:child_process';

/** Where `npm run setup` unpacks programs of a newer Debian. */
const folder = '/var/lib/shiplog-tests/newer-debian/usr/bin';

/** Absolute path of a program of a newer Debian; undefined where it isn't there or doesn't run on this one. */
export const newerProgram = (name: string): string | undefined => {
  const path = `${folder}/${name}`;
  return spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 10_000 }).status === 0 ? path : undefined;
};
