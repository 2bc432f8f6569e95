import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Takes away by force whatever the demo may have left, whether or not a daemon is there to be asked: conmons and shims with
 * what they hold, mounts, control groups, sockets, directories. All of it is found by the demo's own directory, so nothing
 * else can be hit.
 */
/** What vanished while it was looked at, or is busy for a moment longer. */
const gone = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'ENOTDIR', 'EBUSY', 'ENODEV']);
const orElse = (otherwise, read) => {
  try {
    return read();
  } catch (error) {
    if (gone.has(error.code)) return otherwise;
    throw error;
  }
};

const processIds = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

/** pid of the parent; field 4 of proc(5)'s stat, after the name in brackets. */
const parentOf = (pid) => {
  const stat = orElse('', () => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
};

const isBelow = (path, directory) => path === directory || path.startsWith(`${directory}/`);

/** What a process has to do with files: the words of its command line, its directory, and what it has open. */
const pathsOf = (pid) => {
  const at = (name) => join('/proc', pid, name);
  return [
    ...orElse('', () => readFileSync(at('cmdline'), 'utf8')).split('\0'),
    orElse('', () => readlinkSync(at('cwd'))),
    ...orElse([], () => readdirSync(at('fd'))).map((fd) =>
      orElse('', () => readlinkSync(at(join('fd', fd)))),
    ),
  ];
};

/** Processes that were started for this directory or have something open in it, and all their descendants. */
export const processesOf = (directory) => {
  const ids = processIds().filter((pid) => Number(pid) !== process.pid);
  const found = new Set(ids.filter((pid) => pathsOf(pid).some((path) => isBelow(path, directory))));
  const parents = new Map(ids.map((pid) => [pid, parentOf(pid)]));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found].map(Number);
};

/** Mount points at and below the directory, deepest last. */
export const mountsOf = (directory) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => isBelow(path, directory));

/** Bundles of tasks, those of conmon and those of shims: their folder's name is the container's id. */
const bundlesOf = (directory) =>
  ['run/conmon', 'run/io.containerd.runtime.v2.task'].flatMap((folder) => {
    const tasks = join(directory, folder);
    return orElse([], () => readdirSync(tasks)).flatMap((namespace) =>
      orElse([], () => readdirSync(join(tasks, namespace))).map((id) => ({
        id,
        path: join(tasks, namespace, id),
      })),
    );
  });

const removeShimSocket = ({ path }) => {
  const address = orElse('', () => readFileSync(join(path, 'address'), 'utf8')).trim();
  if (address.startsWith('unix:///')) rmSync(address.slice('unix://'.length), { force: true });
};

/** Control groups of these containers, in every hierarchy. */
const controlGroups = (ids, folder = '/sys/fs/cgroup', depth = 4) =>
  orElse([], () => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (ids.has(entry.name)) return [path];
      return depth > 0 ? controlGroups(ids, path, depth - 1) : [];
    });

const kill = (pid) => orElse(undefined, () => process.kill(pid, 'SIGKILL'));

/** Empties and removes a control group. Its processes may take a moment to be gone. */
const removeControlGroup = async (path) => {
  for (let tries = 0; tries < 50 && existsSync(path); tries++) {
    for (const pid of orElse('', () => readFileSync(join(path, 'cgroup.procs'), 'utf8')).match(/\d+/g) ??
      []) {
      kill(Number(pid));
    }
    orElse(undefined, () => rmdirSync(path));
    await sleep(20);
  }
};

/** @returns what could not be removed, in words */
export const removeLeftovers = async (directory) => {
  const bundles = bundlesOf(directory);
  for (let tries = 0; tries < 100 && processesOf(directory).length > 0; tries++) {
    for (const pid of processesOf(directory)) kill(pid);
    await sleep(30);
  }
  const ids = new Set(bundles.map(({ id }) => id));
  const groups = ids.size === 0 ? [] : controlGroups(ids);
  for (const group of groups) await removeControlGroup(group);
  for (const path of mountsOf(directory).reverse()) {
    if (spawnSync('umount', [path], { stdio: 'ignore' }).status !== 0) {
      spawnSync('umount', ['-l', path], { stdio: 'ignore' });
    }
  }
  for (const bundle of bundles) removeShimSocket(bundle);
  // Never into what is still mounted.
  if (mountsOf(directory).length === 0) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  return [
    ...processesOf(directory).map((pid) => `process ${pid}`),
    ...mountsOf(directory).map((path) => `mount ${path}`),
    ...groups.filter((path) => existsSync(path)).map((path) => `control group ${path}`),
  ];
};
