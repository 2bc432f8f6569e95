import { chmodSync, chownSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import { hasCode } from '../syscalls/error.ts';
import { maxConnections } from './limits.ts';

/** sun_path of unix(7) holds 108 bytes with its NUL. */
const MAX_PATH_BYTES = 107;
/** Longest name that a socket has below its folder while it is made: `/.sXXXXXX/s`. */
const MAKING_BYTES = 11;
const PROBE_MS = 2_000;

/** Whether somebody answers on the socket, told by connect(2). */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const probe = connect(path);
    const settle = (act: () => void): void => {
      probe.destroy();
      act();
    };
    probe.setTimeout(PROBE_MS, () => settle(() => resolve(true)));
    probe.once('connect', () => settle(() => resolve(true)));
    probe.once('error', (error) => {
      if (hasCode(error, 'ECONNREFUSED', 'ENOENT')) return settle(() => resolve(false));
      // The queue of somebody who listens is full.
      if (hasCode(error, 'EAGAIN')) return settle(() => resolve(true));
      settle(() => reject(error));
    });
  });

/** @throws Rejection where the path is no place for a socket, or another process answers there */
const checkPlace = async (path: string): Promise<void> => {
  if (!isAbsolute(path)) {
    throw new Rejection('invalid-argument', `address '${path}' is not an absolute path; give one`);
  }
  const bytes = Math.max(Buffer.byteLength(path), Buffer.byteLength(dirname(path)) + MAKING_BYTES);
  if (bytes > MAX_PATH_BYTES) {
    throw new Rejection(
      'invalid-argument',
      `address '${path}' is too long for a unix socket (${MAX_PATH_BYTES} bytes); give a shorter path`,
    );
  }
  const found = await lstat(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket()) {
    throw new Rejection(
      'failed-precondition',
      `cannot listen on '${path}': it is there and is not a socket; move it away, or give another address`,
    );
  }
  if (await answers(path)) {
    throw new Rejection(
      'failed-precondition',
      `cannot listen on '${path}': another process answers there; stop it, or give another address`,
    );
  }
};

/** Who owns a socket; a group other than 0 may open it too. */
export interface SocketOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface Listening {
  /** Takes the socket away; connections go on. */
  stop(): Promise<void>;
}

const bind = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** Another daemon may have put its own socket there since. */
const isStill = async (path: string, inode: bigint): Promise<boolean> => {
  try {
    return (await lstat(path, { bigint: true })).ino === inode;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
};

/**
 * Listens on a unix socket that nobody but the owner can ever open: it is made in a folder of mode 0700, gets mode 0600
 * there, and only then is renamed to its place. (A umask would do too, but it is one for all threads, and layers are
 * unpacked meanwhile.) So the socket is there only when somebody listens on it, and a stale one is replaced in one step.
 *
 * @param path absolute; folders above it are made where they are missing
 * @param accept is called with each connection
 * @throws Rejection `failed-precondition` where another process answers there or something else is in the way
 */
export const listenOn = async (
  path: string,
  accept: (socket: Socket) => void,
  owner: SocketOwner = { uid: 0, gid: 0 },
): Promise<Listening> => {
  await checkPlace(path);
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  const making = await mkdtemp(join(dirname(path), '.s'));
  const server = createServer(accept);
  server.maxConnections = maxConnections;
  try {
    const made = join(making, 's');
    await bind(server, made);
    chmodSync(made, owner.gid === 0 ? 0o600 : 0o660);
    if (owner.uid !== 0 || owner.gid !== 0) chownSync(made, owner.uid, owner.gid);
    const { ino } = await lstat(made, { bigint: true });
    await rename(made, path);
    return {
      stop: async () => {
        server.close();
        if (await isStill(path, ino)) await unlink(path);
      },
    };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
};
