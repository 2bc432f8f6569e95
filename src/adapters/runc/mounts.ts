import type { BindOrTmpfs, ContainerConfig } from '../../domain/container-config.ts';
import type { OciMount } from './oci.ts';

const own = (destination: string, type: string, source: string, ...options: string[]): OciMount => ({
  destination,
  type,
  source,
  options,
});

/** The file systems of the kernel that every container sees, as docker mounts them. */
export const kernelMounts = (config: ContainerConfig): readonly OciMount[] => {
  const access = config.privileged ? 'rw' : 'ro';
  const { namespaces } = config;
  // Nobody but the owner of a network namespace may mount its sysfs.
  const foreignSysfs = namespaces.user !== 'host' && namespaces.network !== 'new';
  // Terminals belong to group 5 (tty), where there is one.
  const ttyGroup = namespaces.user === 'host' || namespaces.user.size > 5 ? ['gid=5'] : [];
  const hostIpc = namespaces.ipc === 'host';
  return [
    own('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    own('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    own(
      ...(['/dev/pts', 'devpts', 'devpts'] as const),
      ...['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...ttyGroup],
    ),
    foreignSysfs
      ? own('/sys', 'bind', '/sys', 'rbind', 'nosuid', 'noexec', 'nodev', access)
      : own('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', access),
    own('/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid', 'noexec', 'nodev', 'relatime', access),
    hostIpc
      ? own('/dev/mqueue', 'bind', '/dev/mqueue', 'rbind', 'nosuid', 'noexec', 'nodev')
      : own('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
    hostIpc
      ? own('/dev/shm', 'bind', '/dev/shm', 'rbind', 'nosuid', 'noexec', 'nodev')
      : own('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'),
  ];
};

const propagations = /^r?(?:private|shared|slave|unbindable)$/;

export const callersMount = (mount: BindOrTmpfs): OciMount => {
  if (mount.type === 'tmpfs') {
    return own(mount.target, 'tmpfs', 'tmpfs', 'nosuid', 'nodev', 'noexec', ...mount.options);
  }
  const bound = mount.options.some((option) => option === 'bind' || option === 'rbind');
  const propagated = mount.options.some((option) => propagations.test(option));
  return own(
    mount.target,
    'bind',
    mount.source,
    ...[...(bound ? [] : ['rbind']), ...(propagated ? [] : ['rprivate']), ...mount.options],
  );
};

const depth = (mount: OciMount): number => mount.destination.split('/').filter(Boolean).length;

/** All mounts in the order to make them: parents before children; of two on one place the caller's wins. */
export const containerMounts = (config: ContainerConfig, files: readonly OciMount[]): readonly OciMount[] => {
  const asked = config.mounts.map(callersMount).toSorted((a, b) => depth(a) - depth(b));
  const taken = new Set(asked.map((mount) => mount.destination));
  const given = [...kernelMounts(config), ...files].filter((mount) => !taken.has(mount.destination));
  return [...given, ...asked];
};
