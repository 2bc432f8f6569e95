import { chown, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerConfig } from '../../domain/container-config.ts';
import { hasCode } from '../syscalls/error.ts';
import type { OciMount } from './oci.ts';

const loopback = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
`;

const copyOr = async (source: string, target: string, otherwise: string): Promise<void> => {
  try {
    await copyFile(source, target);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    await writeFile(target, otherwise, { mode: 0o644 });
  }
};

/**
 * Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of one container: the host's own where it shares the host's
 * network, just the loopback and no name server where it has a network of its own that nobody configured.
 * They belong to the container's root.
 * @param directory made here; goes with the container
 * @returns how to mount them
 */
export const writeNetworkFiles = async (
  config: ContainerConfig,
  hostname: string,
  directory: string,
): Promise<readonly OciMount[]> => {
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const alone = config.namespaces.network === 'new';
  const hosts = join(directory, 'hosts');
  const resolver = join(directory, 'resolv.conf');
  await Promise.all([
    writeFile(join(directory, 'hostname'), `${hostname}\n`, { mode: 0o644 }),
    alone ? writeFile(hosts, loopback, { mode: 0o644 }) : copyOr('/etc/hosts', hosts, loopback),
    alone ? writeFile(resolver, '', { mode: 0o644 }) : copyOr('/etc/resolv.conf', resolver, ''),
  ]);
  const names = ['hostname', 'hosts', 'resolv.conf'];
  const { user } = config.namespaces;
  if (user !== 'host') {
    await Promise.all(names.map((name) => chown(join(directory, name), user.hostUid, user.hostGid)));
  }
  const access = config.readonlyRootfs ? 'ro' : 'rw';
  return names.map((name) => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: join(directory, name),
    options: ['rbind', 'rprivate', access],
  }));
};
