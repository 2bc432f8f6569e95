import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../test/support/child.ts';
import { debianTar } from '../../test/support/debian.ts';
import { type Layout, type LayoutLayer, writeLayout } from '../../test/support/oci-layout.ts';
import { pushLayout } from '../../test/support/registry-server.ts';
import { makeRootfs } from '../../test/support/rootfs.ts';

const packed = async (file: string, ...args: readonly string[]): Promise<Buffer> => {
  const options = ['--format=posix', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--sort=name'];
  await runProgram('tar', [...options, '-cf', file, ...args]);
  return readFileSync(file);
};

const pushed = async (directory: string, target: string, layers: readonly LayoutLayer[]): Promise<Layout> => {
  const layout = await writeLayout(directory, layers, { config: { Cmd: ['/bin/true'] } });
  await pushLayout(layout, target);
  return layout;
};

/** A small image of busybox, whose command exits at once. */
export const pushBusybox = async (scratch: string, target: string): Promise<Layout> => {
  const root = makeRootfs(join(scratch, 'busybox'));
  const tar = await packed(join(scratch, 'busybox.tar'), '-C', root, '.');
  return pushed(join(scratch, 'busybox-layout'), target, [{ tar }]);
};

/** busybox as an archive for `ctr image import`, and as a directory. */
export const archiveBusybox = async (
  scratch: string,
  target: string,
): Promise<{ readonly archive: string; readonly root: string }> => {
  const root = makeRootfs(join(scratch, 'busybox'));
  const tar = await packed(join(scratch, 'busybox.tar'), '-C', root, '.');
  const layout = join(scratch, 'busybox-layout');
  await writeLayout(layout, [{ tar }], { config: { Cmd: ['/bin/true'] }, tag: target });
  const archive = join(scratch, 'busybox-image.tar');
  await runProgram('tar', ['-C', layout, '-cf', archive, '.']);
  return { archive, root };
};

/** A minimal Debian in one layer. */
export const pushDebian = async (scratch: string, target: string): Promise<Layout> =>
  pushed(join(scratch, 'debian-layout'), target, [{ tar: readFileSync(await debianTar()) }]);

/** The same Debian with three layers of this machine's own folders on top. */
export const pushLayered = async (scratch: string, target: string): Promise<Layout> => {
  const folders = [['usr/lib/python3', 'usr/share/perl'], ['usr/include'], ['usr/share/doc']];
  await mkdir(scratch, { recursive: true });
  const layers: LayoutLayer[] = [{ tar: readFileSync(await debianTar()) }];
  for (const [at, names] of folders.entries()) {
    layers.push({ tar: await packed(join(scratch, `layer${at}.tar`), '-C', '/', ...names) });
  }
  return pushed(join(scratch, 'layered-layout'), target, layers);
};

/** Layers of random bytes, stored as they are: as much to fetch as to unpack. @param megabytes of 10^6 bytes, in all */
export const pushHeavy = async (scratch: string, target: string, megabytes: number): Promise<Layout> => {
  await mkdir(scratch, { recursive: true });
  const layers: LayoutLayer[] = [];
  for (let at = 0; at < HEAVY_LAYERS; at += 1) {
    const name = `bytes-${at}`;
    writeFileSync(join(scratch, name), randomBytes(Math.round((megabytes * 1e6) / HEAVY_LAYERS)));
    layers.push({
      tar: await packed(join(scratch, `${name}.tar`), '-C', scratch, name),
      compression: 'none',
    });
    for (const used of [name, `${name}.tar`]) rmSync(join(scratch, used));
  }
  return pushed(join(scratch, 'heavy-layout'), target, layers);
};
const HEAVY_LAYERS = 4;

/** `4 layers, 198 MB`, as stored. */
export const sizeOf = ({ layers }: Layout): string => {
  const bytes = layers.reduce((sum, { path }) => sum + statSync(path).size, 0);
  return `${layers.length} layer${layers.length === 1 ? '' : 's'}, ${Math.round(bytes / 1e6)} MB`;
};
