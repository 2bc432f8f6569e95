import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Programs of Debian's newest suite that tests use beside those of this machine's: containerd 2 with its client and shim,
 * and a snapshotter of others. They are unpacked into a folder of their own and never installed; apt checks their
 * signatures as those of any package.
 */
const folder = '/var/lib/shiplog-tests/newer-debian';
const suite = 'unstable';
const packages = [
  { name: 'containerd', programs: ['ctr', 'containerd', 'containerd-shim-runc-v2'] },
  { name: 'soci-snapshotter', programs: ['soci-snapshotter-grpc'] },
];

const missing = () =>
  packages
    .filter(({ programs }) => !programs.every((program) => existsSync(join(folder, 'usr/bin', program))))
    .map(({ name }) => name);

/** The mirror that this machine takes Debian from; undefined where apt's sources name none. */
const mirror = () => {
  const files = ['/etc/apt/sources.list', ...filesIn('/etc/apt/sources.list.d')];
  for (const file of files.filter((path) => existsSync(path))) {
    const text = readFileSync(file, 'utf8').replaceAll(/^#.*$/gm, '');
    const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s+)?)(\S+\/debian\/?)(?:\s|$)/m.exec(text);
    if (found) return found[1];
  }
  return undefined;
};

const filesIn = (directory) =>
  existsSync(directory)
    ? readdirSync(directory)
        .sort()
        .map((name) => join(directory, name))
    : [];

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

const run = (program, args, cwd) =>
  spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 300_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });

const fetch = (names, scratch) => {
  const from = mirror();
  if (from === undefined) return "apt's sources name no mirror of Debian";
  mkdirSync(join(scratch, 'lists', 'partial'), { recursive: true });
  writeFileSync(join(scratch, 'sources.list'), `deb [signed-by=${keyring}] ${from} ${suite} main\n`);
  const options = [
    ['Dir::Etc::sourcelist', join(scratch, 'sources.list')],
    ['Dir::Etc::sourceparts', '-'],
    ['Dir::State::lists', join(scratch, 'lists')],
    ['APT::Sandbox::User', 'root'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  for (const args of [['update'], ['download', ...names]]) {
    const { status, stderr } = run('apt-get', ['-q', ...options, ...args], scratch);
    if (status !== 0) return stderr.trim();
  }
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(scratch).filter((name) => name.endsWith('.deb'))) {
    const { status, stderr } = run('dpkg-deb', ['-x', file, folder], scratch);
    if (status !== 0) return stderr.trim();
  }
  return '';
};

/** Brings what is missing. @returns names that are still missing, and why */
export const unpackNewerPackages = () => {
  const names = missing();
  if (names.length === 0) return { missing: names, why: '' };
  if (process.geteuid() !== 0) return { missing: names, why: 'not root' };
  if (run('apt-get', ['--version']).error) return { missing: names, why: 'no apt-get on this machine' };
  process.stdout.write(`setup: unpacking ${names.join(' ')} of a newer Debian for the tests\n`);
  const scratch = mkdtempSync('/var/tmp/newer-debian-');
  try {
    const why = fetch(names, scratch);
    return { missing: missing(), why };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};
