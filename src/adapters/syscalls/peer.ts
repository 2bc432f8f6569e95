import { check, declare } from './libc.ts';

const getsockopt = declare<
  (fd: number, level: number, name: number, value: Int32Array, size: Uint32Array) => number
>('int getsockopt(int fd, int level, int name, void *value, void *size)');

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who is at the other end of a unix socket, as the kernel saw it at connect(2) (unix(7), SO_PEERCRED).
 * @throws SyscallError, ENOTSOCK or EBADF where `fd` is no connected unix socket
 */
export const peerCredentials = (fd: number): PeerCredentials => {
  const value = new Int32Array(3);
  check(
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, new Uint32Array([value.byteLength])),
    'getsockopt',
    fd,
  );
  const [pid = 0, uid = 0, gid = 0] = value;
  // ids are unsigned in the kernel
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
};
