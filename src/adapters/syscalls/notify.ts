import { close } from './entries.ts';
import { check, declare } from './libc.ts';

/** One datagram to a unix socket: Node has streams only. */

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
/** Bytes of `sun_path`. */
const PATH_MAX = 108;

const socketCall = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const sendtoCall = declare<
  (fd: number, bytes: Buffer, length: number, flags: number, address: Buffer, addressLength: number) => number
>('int64_t sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t addressLength)');

/** sockaddr_un (unix(7)); a leading `@` is the NUL of an abstract name, whose length is part of it. */
const address = (path: string): Buffer => {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`, 'utf8');
  if (name.length > PATH_MAX)
    throw new RangeError(`the socket path '${path}' is longer than ${PATH_MAX} bytes`);
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX;
  return Buffer.concat([family, name]);
};

/** Sends without waiting. @throws SyscallError (ENOENT, ECONNREFUSED, EAGAIN …); RangeError for a path too long */
export const sendDatagram = (path: string, bytes: Buffer): void => {
  const to = address(path);
  const fd = check(socketCall(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), 'socket', path);
  try {
    check(sendtoCall(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL, to, to.length), 'sendto', path);
  } finally {
    close(fd);
  }
};
