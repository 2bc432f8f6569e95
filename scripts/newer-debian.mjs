import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * Programs of Debian's newest suite that tests use beside those of this machine's: containerd 2 with its client and shim,
 * a docker that keeps its images in containerd, a snapshotter of others, and a criu that works on newer kernels. They are unpacked into a folder of their own and never
 * installed; apt checks their signatures as those of any package.
 */
const folder = '/var/lib/shiplog-tests/newer-debian';
const suite = 'unstable';
/** Programs, below `usr`, that run with this machine's libraries, or need none. */
const packages = [
  { name: 'containerd', programs: ['bin/ctr', 'bin/containerd', 'bin/containerd-shim-runc-v2'] },
  { name: 'docker.io', programs: ['sbin/dockerd'] },
  { name: 'docker-cli', programs: ['bin/docker'] },
  { name: 'docker-buildx', programs: ['libexec/docker/cli-plugins/docker-buildx'] },
  { name: 'soci-snapshotter', programs: ['bin/soci-snapshotter-grpc'] },
];
/** Programs with all that they link to, each in a folder of its own with a script of its name that starts it by its own ld.so. */
const whole = [{ name: 'criu', program: 'usr/sbin/criu' }];

const scriptOf = (name) => join(folder, name, name);

const missing = () => [
  ...packages
    .filter(({ programs }) => !programs.every((program) => existsSync(join(folder, 'usr', program))))
    .map(({ name }) => name),
  ...whole.filter(({ name }) => !existsSync(scriptOf(name))).map(({ name }) => name),
];

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
  existsSync(directory) && statSync(directory).isDirectory()
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
  const aptGet = (...args) => run('apt-get', ['-q', ...options, ...args], scratch);
  const updated = aptGet('update');
  if (updated.status !== 0) return updated.stderr.trim();
  const plain = names.filter((name) => packages.some((one) => one.name === name));
  const why = plain.length === 0 ? '' : fetchPlain(aptGet, plain, scratch);
  return [
    why,
    ...whole.filter(({ name }) => names.includes(name)).map((one) => fetchWhole(aptGet, one, scratch)),
  ]
    .filter((text) => text !== '')
    .join('; ');
};

const fetchPlain = (aptGet, names, scratch) => {
  const { status, stderr } = aptGet('download', ...names);
  return status === 0 ? unpack(scratch, folder) : stderr.trim();
};

/** As if nothing were installed, so that every library comes along. */
const fetchWhole = (aptGet, { name, program }, scratch) => {
  const archives = join(scratch, name);
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const where = ['-o', 'Dir::State::status=/dev/null', '-o', `Dir::Cache::archives=${archives}`];
  const how = ['-y', '--download-only', '--no-install-recommends'];
  const { status, stderr } = aptGet(...where, ...how, 'install', name);
  if (status !== 0) return stderr.trim();
  const into = join(folder, name);
  return unpack(archives, into) || writeScript(name, join(into, program), join(into, 'usr/lib'));
};

const unpack = (archives, into) => {
  mkdirSync(into, { recursive: true });
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    const { status, stderr } = run('dpkg-deb', ['-x', join(archives, file), into], archives);
    if (status !== 0) return stderr.trim();
  }
  return '';
};

/** Written last: what is there is whole. */
const writeScript = (name, program, libraries) => {
  for (const triplet of readdirSync(libraries)) {
    const from = join(libraries, triplet);
    const loader = filesIn(from).find((path) => /\/ld-linux-[^/]*\.so\.\d$/.test(path));
    if (loader === undefined) continue;
    writeFileSync(scriptOf(name), `#!/bin/sh\nexec ${loader} --library-path ${from} ${program} "$@"\n`);
    chmodSync(scriptOf(name), 0o755);
    return '';
  }
  return `no ld.so came with ${name}`;
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
