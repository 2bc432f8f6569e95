import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerConfig } from '../../domain/container-config.ts';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { deviceHalves, FileType } from '../syscalls/node.ts';
import type { OciDevice, OciDeviceRule } from './oci.ts';

/** A host device as a container is to see it. */
export interface ResolvedDevice {
  readonly device: OciDevice;
  readonly access: string;
}

/** @returns undefined where the path is no device */
const deviceAt = (host: string, container: string): OciDevice | undefined => {
  const stat = statSync(host, { bigint: true });
  const kind = Number(stat.mode) & FileType.mask;
  if (kind !== FileType.character && kind !== FileType.block) return undefined;
  return {
    path: container,
    type: kind === FileType.character ? 'c' : 'b',
    ...deviceHalves(stat.rdev),
    fileMode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
};

/** Folders of /dev that are file systems of their own in a container, or make no sense in one. */
const privateFolders = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  'core',
  'stdin',
  'stdout',
  'stderr',
]);

const below = (folder: string): readonly OciDevice[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (folder === '/dev' && privateFolders.has(entry.name)) return [];
    if (entry.isDirectory()) return below(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    try {
      return deviceAt(path, path) ?? [];
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return []; // unplugged meanwhile
      throw error;
    }
  });

/**
 * The devices that a container is given: those asked for, or for a privileged one all of the host.
 * @throws Rejection `invalid-argument` for a path that is no device
 */
export const resolveDevices = (config: ContainerConfig): readonly ResolvedDevice[] => {
  const asked = config.devices.map(({ host, container, permissions }): ResolvedDevice => {
    try {
      const device = deviceAt(host, container);
      if (device) return { device, access: permissions };
    } catch (cause) {
      if (!hasCode(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    }
    throw new Rejection('invalid-argument', `device '${host}' is not a device of this host`);
  });
  if (!config.privileged) return asked;
  const given = new Set<string>(asked.map(({ device }) => device.path));
  const rest = below('/dev').filter((device) => !given.has(device.path));
  return [...asked, ...rest.map((device) => ({ device, access: 'rwm' }))];
};

/** Nothing but what is given; runc itself allows null, zero, full, tty, random, urandom, ptmx, pts and mknod on top. */
export const deviceRules = (
  devices: readonly ResolvedDevice[],
  privileged: boolean,
): readonly OciDeviceRule[] =>
  privileged
    ? [{ allow: true, access: 'rwm' }]
    : [
        { allow: false, access: 'rwm' },
        ...devices.map(({ device, access }) => ({
          allow: true,
          type: device.type,
          major: device.major,
          minor: device.minor,
          access,
        })),
      ];
