import { constants } from 'node:os';
import { check, cstring, declare } from './libc.ts';
import { O_CLOEXEC } from './open.ts';

/**
 * Mounts that show a tree under other ids: open_tree(2), mount_setattr(2), move_mount(2). The numbers are the same on
 * every architecture.
 */
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;

const openTreeCall = declare<(number: number, fd: number, path: Buffer, flags: number) => number>(
  'int64_t syscall(int64_t number, int64_t fd, void *path, uint64_t flags)',
);
const moveMountCall = declare<
  (number: number, from: number, fromPath: Buffer, to: number, toPath: Buffer, flags: number) => number
>('int64_t syscall(int64_t number, int64_t from, void *fromPath, int64_t to, void *toPath, uint64_t flags)');
const mountSetattrCall = declare<
  (
    number: number,
    fd: number,
    path: Buffer,
    flags: number,
    attributes: BigUint64Array,
    size: number,
  ) => number
>('int64_t syscall(int64_t number, int64_t fd, void *path, uint64_t flags, void *attributes, uint64_t size)');

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
/** From uapi/linux/mount.h. */
const MOUNT_ATTR_RDONLY = 0x1n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const nothing = Buffer.from([0]);

/** open_tree(2), Linux 5.2: a mount of the tree at `path` that is nowhere yet, without mounts below it. @returns its descriptor, close-on-exec. @throws SyscallError */
export const cloneMount = (path: string): number =>
  check(openTreeCall(SYS_OPEN_TREE, AT_FDCWD, cstring(path), OPEN_TREE_CLONE | O_CLOEXEC), 'open_tree', path);

/**
 * mount_setattr(2), Linux 5.12: from here on a cloned mount shows its files under the ids that a user namespace maps
 * them to: who is 0 on disk is the namespace's 0.
 * @throws SyscallError, EINVAL where the file system can't, ENOSYS where the kernel can't
 */
export const mapMountIds = (
  mount: number,
  userNamespace: number,
  options: { readonly readonly: boolean },
): void => {
  const set = MOUNT_ATTR_IDMAP | (options.readonly ? MOUNT_ATTR_RDONLY : 0n);
  const attributes = new BigUint64Array([set, 0n, 0n, BigInt(userNamespace)]);
  const result = mountSetattrCall(
    SYS_MOUNT_SETATTR,
    mount,
    nothing,
    AT_EMPTY_PATH,
    attributes,
    attributes.byteLength,
  );
  check(result, 'mount_setattr', mount);
};

/** move_mount(2), Linux 5.2: puts a cloned mount at `target`. @throws SyscallError */
export const attachMount = (mount: number, target: string): void => {
  check(
    moveMountCall(SYS_MOVE_MOUNT, mount, nothing, AT_FDCWD, cstring(target), MOVE_MOUNT_F_EMPTY_PATH),
    'move_mount',
    target,
  );
};

/** What the kernel answers that knows no idmapped mounts, or none of this file system. */
export const idMapRefusals: readonly number[] = [
  constants.errno.EINVAL,
  constants.errno.ENOSYS,
  constants.errno.EOPNOTSUPP,
];
