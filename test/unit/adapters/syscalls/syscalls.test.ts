import { once } from 'node:events';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { link, mkdir, symlink, unlink } from '../../../../src/adapters/syscalls/entries.ts';
import { hasCode, SyscallError } from '../../../../src/adapters/syscalls/error.ts';
import { listenFor } from '../../../../src/adapters/syscalls/listening.ts';
import { umount } from '../../../../src/adapters/syscalls/mount.ts';
import { deviceHalves, deviceNumber, FileType, mknod } from '../../../../src/adapters/syscalls/node.ts';
import { openat2, Resolve } from '../../../../src/adapters/syscalls/open.ts';
import { lchown } from '../../../../src/adapters/syscalls/ownership.ts';
import { peerCredentials } from '../../../../src/adapters/syscalls/peer.ts';
import { pipe } from '../../../../src/adapters/syscalls/pipe.ts';
import { statFileSystem } from '../../../../src/adapters/syscalls/statfs.ts';
import { syncDirectory, syncfs } from '../../../../src/adapters/syscalls/sync.ts';
import { setTimes } from '../../../../src/adapters/syscalls/times.ts';
import { getXattr, listXattrs, setXattr } from '../../../../src/adapters/syscalls/xattr.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const isRoot = process.getuid?.() === 0;
const caught = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('syscalls', () => {
  let dir: ReturnType<typeof makeTempDir>;
  const at = (name: string) => join(dir.path, name);
  beforeAll(() => {
    dir = makeTempDir('syscalls', '/var/tmp');
  });
  afterAll(() => dir.remove());

  it('says which call failed, on what, and with which errno', () => {
    const error = caught(() => mkdir(at('missing/child'), 0o755));
    expect(error).toBeInstanceOf(SyscallError);
    expect(error).toMatchObject({ code: 'ENOENT', errno: 2, syscall: 'mkdir', about: at('missing/child') });
    expect(hasCode(error, 'EEXIST', 'ENOENT')).toBe(true);
    expect(hasCode(error, 'EEXIST')).toBe(false);
  });

  it('refuses a NUL inside a path', () => {
    expect(caught(() => unlink('a\0b'))).toMatchObject({ code: 'EINVAL' });
  });

  it('keeps names that are not UTF-8', () => {
    const name = Buffer.concat([Buffer.from(at('bytes-')), Buffer.from([0xff, 0xfe, 0x80])]);
    mkdir(name, 0o755);
    expect(lstatSync(name).isDirectory()).toBe(true);
  });

  it.each([
    [-1, 500_000_000n],
    [-86_400, 1n],
    [0, 0n],
    [4_102_444_800, 999_999_999n],
  ])('sets %d seconds and %d nanoseconds exactly', (seconds, nanoseconds) => {
    writeFileSync(at('time'), '');
    setTimes(at('time'), { seconds, nanoseconds: Number(nanoseconds) });
    expect(lstatSync(at('time'), { bigint: true }).mtimeNs).toBe(
      BigInt(seconds) * 1_000_000_000n + nanoseconds,
    );
  });

  it('sets the times of a symlink, not of what it points at', () => {
    writeFileSync(at('pointed'), '');
    const before = lstatSync(at('pointed'), { bigint: true }).mtimeNs;
    symlinkSync('pointed', at('pointer'));
    setTimes(at('pointer'), { seconds: 77, nanoseconds: 7 });
    expect(lstatSync(at('pointer'), { bigint: true }).mtimeNs).toBe(77_000_000_007n);
    expect(lstatSync(at('pointed'), { bigint: true }).mtimeNs).toBe(before);
  });

  it.skipIf(!isRoot)('carries binary attribute values (needs root for trusted.*)', () => {
    writeFileSync(at('attributed'), '');
    const value = Buffer.from([0, 255, 128, 1, 0, 10]);
    setXattr(at('attributed'), 'trusted.shiplog', value);
    expect(getXattr(at('attributed'), 'trusted.shiplog')).toEqual(value);
    expect(listXattrs(at('attributed'))).toEqual(['trusted.shiplog']);
    expect(getXattr(at('attributed'), 'trusted.absent')).toBeUndefined();
  });

  it.skipIf(!isRoot)('makes device nodes and owners (needs root)', () => {
    mknod(at('device'), FileType.character | 0o600, deviceNumber(4000, 300_000));
    const stat = lstatSync(at('device'), { bigint: true });
    expect(deviceHalves(stat.rdev)).toEqual({ major: 4000, minor: 300_000 });
    lchown(at('device'), 4_000_000_000, 3);
    expect(lstatSync(at('device'))).toMatchObject({ uid: 4_000_000_000, gid: 3 });
  });

  it('links a symlink itself', () => {
    symlink('nowhere', at('dangling'));
    link(at('dangling'), at('dangling2'));
    expect(lstatSync(at('dangling2')).isSymbolicLink()).toBe(true);
  });

  it('keeps openat2 inside its root', () => {
    mkdirSync(at('jail'));
    writeFileSync(at('outside'), 'secret');
    writeFileSync(at('jail/inside'), 'inside');
    symlinkSync('/inside', at('jail/absolute'));
    symlinkSync('../outside', at('jail/climb'));
    const jail = openSync(at('jail'), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const fd = openat2(jail, 'absolute', { flags: constants.O_RDONLY, resolve: Resolve.inRoot });
      expect(readFileSync(fd, 'utf8')).toBe('inside');
      closeSync(fd);
      const open = (path: string, resolve: number) => () =>
        openat2(jail, path, { flags: constants.O_RDONLY, resolve });
      expect(caught(open('climb', Resolve.inRoot))).toMatchObject({ code: 'ENOENT' });
      expect(caught(open('climb', Resolve.beneath))).toMatchObject({ code: 'EXDEV' });
      expect(caught(open('climb', Resolve.noSymlinks))).toMatchObject({ code: 'ELOOP' });
      expect(caught(open('../outside', Resolve.beneath))).toMatchObject({ code: 'EXDEV' });
    } finally {
      closeSync(jail);
    }
  });

  it('tells who is at the other end of a unix socket', async () => {
    const server = createServer();
    server.listen(at('socket'));
    await once(server, 'listening');
    const client = connect(at('socket'));
    const [socket] = await once(server, 'connection');
    expect(peerCredentials(socket._handle.fd)).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    client.destroy();
    socket.destroy();
    server.close();
    expect(caught(() => peerCredentials(0x7fff_0000))).toMatchObject({ code: 'EBADF' });
  });

  it('syncs a file system and a directory', async () => {
    const fd = openSync(dir.path, 'r');
    await syncfs(fd);
    closeSync(fd);
    syncDirectory(dir.path);
    await expect(syncfs(0x7fff_0000)).rejects.toMatchObject({ code: 'EIO', syscall: 'syncfs' });
  });

  it('says what file system a path is on', () => {
    expect(statFileSystem(dir.path)).toMatchObject({
      type: expect.not.stringMatching('unknown'),
      blockSize: 4096,
    });
  });

  it('makes pipes that children do not inherit by accident', () => {
    const { readEnd, writeEnd } = pipe();
    const flags = readFileSync(`/proc/self/fdinfo/${readEnd}`, 'utf8');
    expect(flags).toMatch(/flags:\s+02000000/);
    closeSync(readEnd);
    closeSync(writeEnd);
  });

  it('makes a socket that can be connected to before anybody serves it', async () => {
    const path = join(dir.path, 'served-later');
    const fd = listenFor(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = connect(path);
    await once(client, 'connect');
    expect(caught(() => listenFor(path))).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' });
    // Nobody will: who waited is told.
    closeSync(fd);
    await expect(once(client.resume(), 'close')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(caught(() => listenFor(join(dir.path, 'none', 'at all')))).toMatchObject({ code: 'ENOENT' });
  });

  it('says EINVAL for unmounting what is no mount point', () => {
    expect(caught(() => umount(dir.path))).toMatchObject({ code: isRoot ? 'EINVAL' : 'EPERM' });
  });
});
