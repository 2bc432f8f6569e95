import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const applets = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'id',
  'ls',
  'true',
  'false',
  'stty',
  'ps',
  'kill',
  'head',
  'dd',
];
const applet2 = [
  'pwd',
  'env',
  'hostname',
  'mount',
  'touch',
  'stat',
  'seq',
  'tail',
  'awk',
  'chroot',
  'printf',
  'yes',
];

/** Makes a small root file system of Debian's static busybox at `root`, with a user `app` (1000) in group `staff` (50). */
export const makeRootfs = (root: string): string => {
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'home/app', 'data']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of [...applets, ...applet2]) symlinkSync('busybox', join(root, 'bin', name));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nstaff:x:50:app,other\napp:x:1000:\n');
  writeFileSync(join(root, 'etc/motd'), 'not executable\n', { mode: 0o644 });
  return root;
};
