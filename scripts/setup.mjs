import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { installPackages } from './debian.mjs';
import { unpackNewerPackages } from './newer-debian.mjs';

/**
 * `npm run setup`: what building, testing and the demo need. Does nothing where all is there. Uses Node's own modules
 * only, since in a fresh clone there are no others.
 */
const root = resolve(import.meta.dirname, '..');

const packagesOf = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages ?? {};

/** Whether node_modules is what package-lock.json says. By content, since the times of files in a clone mean nothing. */
const npmIsCurrent = () => {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(join(root, record))) return false;
  const there = packagesOf(record);
  return Object.entries(packagesOf('package-lock.json')).every(
    ([path, { version, optional, devOptional, peer, link }]) =>
      path === '' ||
      link ||
      (there[path] === undefined
        ? (optional ?? devOptional ?? peer) === true
        : there[path].version === version),
  );
};

const npm = (args) => {
  const { status, stderr, error } = spawnSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 900_000,
  });
  return status === 0 ? undefined : (error?.message ?? stderr);
};

/**
 * `npm ci` refuses a lock file that lacks optional packages of other platforms, as npm writes it where a registry has
 * no copy of them. `npm install --no-save` takes the same versions and leaves those out.
 */
const installNpmPackages = () => {
  process.stdout.write('setup: installing npm packages\n');
  if (npm(['ci']) === undefined) return;
  const trouble = npm(['install', '--no-save']);
  if (trouble !== undefined) throw new Error(`npm could not install packages:\n${trouble}`);
};

/** @returns Debian packages that are missing, with the reason. @throws when npm packages cannot be installed */
export const setup = ({ forTests = false } = {}) => {
  const debian = installPackages();
  for (const { missing, why } of forTests ? [debian, unpackNewerPackages()] : [debian]) {
    if (missing.length > 0) process.stdout.write(`setup: left out ${missing.join(' ')} (${why})\n`);
  }
  if (!npmIsCurrent()) installNpmPackages();
  return debian;
};

if (process.argv[1] === import.meta.filename) {
  try {
    setup({ forTests: true });
  } catch (error) {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exitCode = 1;
  }
}
