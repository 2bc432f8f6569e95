import { chmodSync, closeSync, rmSync } from 'node:fs';
import { check, cstring, declare } from './libc.ts';

const socket = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bind = declare<(fd: number, address: Buffer, length: number) => number>(
  'int bind(int fd, void *address, uint32_t length)',
);
const listen = declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
/** Connections that may wait to be accepted; the kernel takes net.core.somaxconn where that is less. */
const BACKLOG = 4096;

/** sockaddr_un, from unix(7): the family, and a path that ends in NUL. */
const addressOf = (path: string): Buffer => {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, cstring(path)]);
};

/**
 * A unix socket of mode 0600 to be handed to a program that serves it: who connects from now on waits until that accepts.
 * @param path at most 107 bytes, with nothing there yet
 * @returns its descriptor, to be closed here once the program has it
 * @throws SyscallError, EADDRINUSE where something is at the path
 */
export const listenFor = (path: string): number => {
  const fd = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket', '');
  let bound = false;
  try {
    const address = addressOf(path);
    check(bind(fd, address, address.length), 'bind', path);
    bound = true;
    chmodSync(path, 0o600);
    check(listen(fd, BACKLOG), 'listen', path);
    return fd;
  } catch (error) {
    closeSync(fd);
    if (bound) rmSync(path, { force: true });
    throw error;
  }
};
