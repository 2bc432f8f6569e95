import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Layout, type LayoutLayer, writeLayout } from './oci-layout.ts';
import { makeRootfs } from './rootfs.ts';

/** The tar of a small root of Debian's static busybox. */
export const busyboxTar = (directory: string): Buffer => {
  const root = makeRootfs(join(directory, 'busybox-root'));
  return execFileSync('tar', ['--numeric-owner', '--format=posix', '-C', root, '-c', '.'], {
    maxBuffer: 64 * 1024 * 1024,
  });
};

/** An OCI layout of a busybox image, with more layers on top where they are given. */
export const busyboxLayout = (
  directory: string,
  options: { config?: Record<string, unknown>; above?: readonly LayoutLayer[] } = {},
): Promise<Layout> =>
  writeLayout(join(directory, 'layout'), [{ tar: busyboxTar(directory) }, ...(options.above ?? [])], {
    config: options.config ?? { Cmd: ['sh'], Env: ['PATH=/bin', 'FROM_IMAGE=yes'] },
  });
