import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';

/** Where cgroups(7) mounts its hierarchies. */
const mounted = '/sys/fs/cgroup';

/** Roots of hierarchies: one for each controller in version 1, one for all in version 2. */
const hierarchies = (root: string): readonly string[] =>
  existsSync(join(root, 'cgroup.controllers'))
    ? [root]
    : readdirSync(root)
        .map((name) => join(root, name))
        .filter((path) => existsSync(join(path, 'cgroup.procs')));

/** A group of version 1's cpuset takes nobody before it is told of processors and memory: as its parent. */
const inheritCpuset = (root: string, path: string): void => {
  let group = root;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const parent = group;
    group = join(group, name);
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (!existsSync(join(group, file)) || readFileSync(join(group, file), 'utf8').trim() !== '') continue;
      writeFileSync(join(group, file), readFileSync(join(parent, file)));
    }
  }
};

/**
 * Moves a process into a control group of every hierarchy, and makes it where it is missing. What the process starts
 * begins there.
 * @param path below the roots; empty leaves the process where it is
 * @throws Rejection `failed-precondition` where the kernel refuses
 */
export const joinControlGroup = (path: string, pid: number, root = mounted): void => {
  if (path === '') return;
  for (const hierarchy of hierarchies(root)) {
    const group = join(hierarchy, path);
    try {
      mkdirSync(group, { recursive: true });
      // Of version 1 alone; in version 2 the files are there and mean the parent's while they are empty.
      if (hierarchy !== root) inheritCpuset(hierarchy, path);
      writeFileSync(join(group, 'cgroup.procs'), String(pid));
    } catch (cause) {
      throw new Rejection(
        'failed-precondition',
        `cgroup.path: process ${pid} can't be moved to ${group}: ${String(cause)}; leave the path empty, or make room for it`,
        { cause },
      );
    }
  }
};
