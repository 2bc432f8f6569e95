import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveUser } from '../../../../src/adapters/runc/resolve-user.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

describe('users inside an image', () => {
  let temp: ReturnType<typeof makeTempDir>;
  let root: string;
  beforeEach(() => {
    temp = makeTempDir('user');
    root = join(temp.path, 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0::/root:/bin/sh\nbroken line\n# no\napp:x:1000:100::/home/app:\n7:x:70:70::/seven:\n',
    );
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nstaff:x:50:app,x\nadm:x:4:app\nusers:x:100:\n');
  });
  afterEach(() => temp.remove());

  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [0], home: '/root' }],
    ['root', { uid: 0, gid: 0, additionalGids: [0], home: '/root' }],
    ['app', { uid: 1000, gid: 100, additionalGids: [4, 50, 100], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 100, additionalGids: [4, 50, 100], home: '/home/app' }],
    ['app:staff', { uid: 1000, gid: 50, additionalGids: [50], home: '/home/app' }],
    ['app:77', { uid: 1000, gid: 77, additionalGids: [77], home: '/home/app' }],
    ['4242', { uid: 4242, gid: 0, additionalGids: [0], home: '/' }],
    ['4242:users', { uid: 4242, gid: 100, additionalGids: [100], home: '/' }],
    ['7', { uid: 70, gid: 70, additionalGids: [70], home: '/seven' }],
    [':staff', { uid: 0, gid: 50, additionalGids: [50], home: '/root' }],
  ])('%j', (spec, expected) => {
    expect(resolveUser(root, spec)).toEqual(expected);
  });
  it.each(['nobody', 'app:nobody', '-1', '99999999999'])('refuses %j', (spec) => {
    expect(() => resolveUser(root, spec)).toThrow(/no entry/);
  });
  it('needs no account files for numbers', () => {
    rmSync(join(root, 'etc'), { recursive: true });
    expect(resolveUser(root, '5:6')).toEqual({ uid: 5, gid: 6, additionalGids: [6], home: '/' });
  });
  it.each([
    ['an absolute symlink', (outside: string) => outside],
    ['a relative symlink that climbs', (outside: string) => `../../../../../../../../..${outside}`],
  ])('never follows %s out of the root', (_name, target) => {
    const outside = join(temp.path, 'secret');
    writeFileSync(outside, 'app:x:666:666::/stolen:\n');
    rmSync(join(root, 'etc/passwd'));
    symlinkSync(target(outside), join(root, 'etc/passwd'));
    expect(() => resolveUser(root, 'app')).toThrow(/no entry 'app'/);
  });
  it('follows symlinks inside, and folders that are symlinks, as seen from the root', () => {
    mkdirSync(join(root, 'usr/etc'), { recursive: true });
    writeFileSync(join(root, 'usr/etc/passwd'), 'app:x:5:5::/five:\n');
    rmSync(join(root, 'etc'), { recursive: true });
    symlinkSync('/usr/etc', join(root, 'etc'));
    expect(resolveUser(root, 'app')).toMatchObject({ uid: 5, home: '/five' });
  });
  it('refuses circles, and takes what is no file for missing', () => {
    rmSync(join(root, 'etc/passwd'));
    symlinkSync('passwd', join(root, 'etc/passwd'));
    expect(() => resolveUser(root, '5')).toThrow(/circle of symlinks/);
    rmSync(join(root, 'etc/passwd'));
    mkdirSync(join(root, 'etc/passwd'));
    expect(resolveUser(root, '5').uid).toBe(5);
  });
});
