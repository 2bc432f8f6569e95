import { check, cstring, declare, declareAsync, retried } from './libc.ts';

/** Flags of mount(2), from the kernel's uapi/linux/mount.h. */
export const MountFlag = {
  readonly: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  synchronous: 0x10,
  remount: 0x20,
  mandlock: 0x40,
  dirsync: 0x80,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  bind: 0x1000,
  move: 0x2000,
  rec: 0x4000,
  silent: 0x8000,
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  relatime: 0x200000,
  iVersion: 0x800000,
  strictatime: 0x1000000,
  lazytime: 0x2000000,
} as const;

/** Flags of umount2(2). */
export const UmountFlag = { force: 1, detach: 2, expire: 4, nofollow: 8 } as const;

const MOUNT = 'int mount(void *source, void *target, void *type, uint64_t flags, void *data)';
type MountArguments = [Buffer, Buffer, Buffer, number, Buffer];
const call = declare<(...args: MountArguments) => number>(MOUNT);
const callAsync = declareAsync<MountArguments>(MOUNT);
const UMOUNT = 'int umount2(void *target, int flags)';
const umountCall = declare<(target: Buffer, flags: number) => number>(UMOUNT);
const umountCallAsync = declareAsync<[Buffer, number]>(UMOUNT);

export interface MountCall {
  readonly source: string;
  readonly target: string;
  /** File system; empty for bind mounts and remounts. */
  readonly type: string;
  /** Sum of {@link MountFlag}s. */
  readonly flags: number;
  /** Comma-separated options of the file system; the kernel takes less than a page (4096 bytes). */
  readonly data: string;
}

const argumentsOf = (mount: MountCall): MountArguments => [
  cstring(mount.source),
  cstring(mount.target),
  cstring(mount.type),
  mount.flags,
  cstring(mount.data),
];

/** mount(2). @throws SyscallError */
export const mount = (request: MountCall): void => {
  check(call(...argumentsOf(request)), 'mount', request.target);
};

/** mount(2) off this thread. @throws SyscallError */
export const mountAsync = async (request: MountCall): Promise<void> => {
  const args = argumentsOf(request);
  await retried(
    () => callAsync(...args),
    () => call(...args),
    'mount',
    request.target,
  );
};

/** umount2(2). @throws SyscallError, EINVAL where `target` is no mount point */
export const umount = (target: string, flags = 0): void => {
  check(umountCall(cstring(target), flags), 'umount2', target);
};

/** umount2(2) off this thread: taking an overlay away writes its upper file system back. @throws SyscallError */
export const umountAsync = async (target: string, flags = 0): Promise<void> => {
  const bytes = cstring(target);
  await retried(
    () => umountCallAsync(bytes, flags),
    () => umountCall(bytes, flags),
    'umount2',
    target,
  );
};
