import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as os } from 'node:os';
import { check, cstring, declare, errnoOf } from './libc.ts';

const socket = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const socketpair = declare<(domain: number, type: number, protocol: number, pair: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, void *pair)',
);
const connect = declare<(fd: number, address: Buffer, length: number) => number>(
  'int connect(int fd, void *address, uint32_t length)',
);
const recv = declare<(fd: number, into: Buffer, length: number, flags: number) => number>(
  'int64_t recv(int fd, void *into, size_t length, int flags)',
);
const dup3 = declare<(from: number, to: number, flags: number) => number>(
  'int dup3(int from, int to, int flags)',
);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** sockaddr_un, from unix(7): the family, and a path that ends in NUL. */
const addressOf = (path: string): Buffer => {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, cstring(path)]);
};

/** A connected descriptor. @param name in `directory`, whose path may be of any length @throws SyscallError, Error */
const connected = (directory: string, name: string): number => {
  // By way of /proc, since a socket's address holds 107 bytes only.
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket', '');
    try {
      const address = addressOf(`/proc/self/fd/${folder}/${name}`);
      check(connect(fd, address, address.length), 'connect', `${directory}/${name}`);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } finally {
    closeSync(folder);
  }
};

export interface PacketConnection {
  /**
   * Each `data` event is one packet, and so is each `write` whose callback was waited for before the next one; `end` shuts
   * the sending half down.
   */
  readonly socket: Socket;
  /**
   * The packets that are left at the socket's `end`, to be asked for then: libuv takes a read that did not fill its buffer
   * for the last one where the other side has hung up, and here no packet fills it.
   */
  rest(): readonly Buffer[];
}

const MSG_DONTWAIT = 0x40;

/** Reads what the kernel has for us, without waiting. @param most bytes of one packet */
const restOf = (fd: number, most: number): readonly Buffer[] => {
  const packets: Buffer[] = [];
  for (;;) {
    const packet = Buffer.allocUnsafe(most);
    const length = recv(fd, packet, most, MSG_DONTWAIT);
    const errno = errnoOf(length);
    if (errno === os.errno.EINTR) continue;
    // The end; or an error, after which nothing comes either.
    if (length <= 0) return packets;
    packets.push(packet.subarray(0, length));
  }
};

/**
 * Connects to a unix socket of sequenced packets.
 *
 * Node takes descriptors of stream sockets only. So it is given one, whose descriptor is exchanged before the event loop
 * first looks at it: reading and writing are the same system calls for both kinds.
 *
 * @param most bytes that one packet may have
 * @throws SyscallError, Error ENOENT or ECONNREFUSED where nobody listens; EAGAIN where too many wait to be accepted
 */
export const connectPackets = (directory: string, name: string, most: number): PacketConnection => {
  const fd = connected(directory, name);
  try {
    const pair = new Int32Array(2);
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 'socketpair', '');
    const [ours = -1, other = -1] = pair;
    closeSync(other);
    const socket = new Socket({ fd: ours, readable: true, writable: true, allowHalfOpen: true });
    check(dup3(fd, ours, SOCK_CLOEXEC), 'dup3', ours);
    return { socket, rest: () => (socket.destroyed ? [] : restOf(ours, most)) };
  } finally {
    closeSync(fd);
  }
};
