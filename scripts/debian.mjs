import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Debian packages that running, testing and building need. A package is missing when one of its commands is, so a host
 * that has them from elsewhere (containerd.io, a static runc) is left as it is.
 */
const packages = [
  { name: 'runc', commands: ['runc'] },
  { name: 'conmon', commands: ['conmon'] },
  { name: 'containerd', commands: ['containerd', 'containerd-shim-runc-v2', 'ctr'] },
  { name: 'docker-registry', commands: ['docker-registry'] },
  { name: 'docker.io', commands: ['dockerd', 'docker'] },
  { name: 'busybox-static', commands: ['busybox'] },
  { name: 'debootstrap', commands: ['debootstrap'] },
  { name: 'iproute2', commands: ['ip'] },
  { name: 'iptables', commands: ['iptables'] },
  { name: 'e2fsprogs', commands: ['mkfs.ext4'] },
  { name: 'btrfs-progs', commands: ['btrfs', 'mkfs.btrfs'] },
  { name: 'isal', commands: ['igzip'] },
  { name: 'zstd', commands: ['zstd'] },
  { name: 'xz-utils', commands: ['xz'] },
  { name: 'strace', commands: ['strace'] },
  { name: 'skopeo', commands: ['skopeo'] },
  { name: 'runsc', commands: ['runsc'] },
  { name: 'crun', commands: ['crun'] },
  { name: 'criu', commands: ['criu'] },
  { name: 'podman', commands: ['podman'] },
  { name: 'umoci', commands: ['umoci'] },
  { name: 'ca-certificates', commands: ['update-ca-certificates'] },
  { name: 'build-essential', commands: ['g++', 'make'] },
  { name: 'python3', commands: ['python3'] },
];

/** Units that come with them; they are for tests here, and must not run by themselves. */
const units = {
  containerd: ['containerd.service'],
  'docker-registry': ['docker-registry.service'],
  'docker.io': ['docker.service', 'docker.socket'],
  podman: ['podman.service', 'podman.socket', 'podman-auto-update.timer', 'podman-restart.service'],
};

const policy = '/usr/sbin/policy-rc.d';

const onPath = (command) => {
  const folders = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return folders.split(':').some((folder) => {
    if (folder === '') return false;
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code)) return false;
      throw error;
    }
  });
};

export const missingPackages = () =>
  packages.filter(({ commands }) => !commands.every(onPath)).map(({ name }) => name);

const apt = (args, errors = 'inherit') =>
  spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], {
    stdio: ['ignore', 'ignore', errors],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
    timeout: 900_000,
  }).status === 0;

/** Runs `install` while maintainer scripts may start nothing; a policy of the host's own stays. */
const withoutStartingServices = (install) => {
  const ours = !existsSync(policy);
  if (ours) {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { flag: 'wx' });
    chmodSync(policy, 0o755);
  }
  const tidy = () => ours && rmSync(policy, { force: true });
  process.once('exit', tidy);
  try {
    return install();
  } finally {
    tidy();
    process.removeListener('exit', tidy);
  }
};

/** Nor do they start at the next boot, which may be one with systemd where there is none now. */
const disable = (installed) => {
  const found = installed.flatMap((name) => units[name] ?? []);
  if (found.length === 0 || !onPath('systemctl')) return;
  spawnSync('systemctl', ['--quiet', 'disable', ...found], { stdio: 'ignore', timeout: 60_000 });
};

/**
 * Installs what is missing.
 * @returns names that are still missing, and why they are
 */
export const installPackages = () => {
  const missing = missingPackages();
  if (missing.length === 0) return { missing, why: '' };
  if (process.geteuid() !== 0) return { missing, why: 'not root' };
  if (!onPath('apt-get')) return { missing, why: 'no apt-get on this machine' };
  process.stdout.write(`setup: installing ${missing.join(' ')}\n`);
  const install = ['install', '--no-install-recommends', ...missing];
  // Package lists may be absent or old: then the first try fails, and the second one tells.
  withoutStartingServices(() => apt(install, 'ignore') || (apt(['update']) && apt(install)));
  const left = missingPackages();
  disable(missing.filter((name) => !left.includes(name)));
  return { missing: left, why: left.length === 0 ? '' : 'apt-get could not install them, see above' };
};
