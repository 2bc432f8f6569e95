import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../test/support/child.ts';

/** Runs Debian's `podman` on a store of its own. @returns what it printed */
export type Podman = (...args: readonly string[]) => Promise<string>;

/**
 * podman with root's ordinary parts (overlay, runc, conmon), everything below `directory`. No daemon, no events file, and
 * control groups made by itself, since a machine need not run systemd.
 */
export const podmanIn = (directory: string): Podman => {
  mkdirSync(directory, { recursive: true });
  const places = ['root', 'run', 'tmp'].map((name) => join(directory, name));
  const [root = '', run = '', tmp = ''] = places;
  const own = ['--root', root, '--runroot', run, '--tmpdir', tmp, '--storage-driver', 'overlay'];
  const parts = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
  return (...args) => runProgram('podman', [...own, ...parts, ...args]);
};

/** Limits that any machine grants: podman's own may be more than this one may have. */
export const modestLimits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
