import { readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { z } from 'zod';
import { type PeerCredentials, peerCredentials } from '../syscalls/peer.ts';

/** The process at the other end of a connection, by the kernel's word. */
export interface Peer extends PeerCredentials {
  /** Path of its executable when it connected; empty where that can't be told. */
  readonly exe: string;
}

/** Node has no public way to a socket's descriptor; this is where every version of ours keeps it. */
const WithDescriptor = z.object({ _handle: z.object({ fd: z.number().int().nonnegative() }) });

const executableOf = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    // It has ended, lives in another pid namespace, or is not ours to look at: the event then says so by an empty path.
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
};

/**
 * Who connected. Synchronous, so that the process has the least time to be gone.
 * @throws Error where the socket is no connected unix socket any more
 */
export const peerOf = (socket: Socket): Peer => {
  const credentials = peerCredentials(WithDescriptor.parse(socket)._handle.fd);
  return { ...credentials, exe: executableOf(credentials.pid) };
};
