import { Socket } from 'node:net';
import { check, declare } from './libc.ts';

const socketpair = declare<(domain: number, type: number, protocol: number, pair: Int32Array) => number>(
  'int socketpair(int domain, int type, int protocol, void *pair)',
);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/** Two connected sockets: one as a stream, and one to be given to a program and closed here. @throws SyscallError */
export const streamPair = (): { readonly ours: Socket; readonly theirs: number } => {
  const pair = new Int32Array(2);
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 'socketpair', '');
  const [ours = -1, theirs = -1] = pair;
  return { ours: new Socket({ fd: ours, readable: true, writable: true, allowHalfOpen: true }), theirs };
};
