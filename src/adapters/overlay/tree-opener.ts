import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../../domain/mount.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Mounter } from '../../engine/ports/mounts.ts';
import type { TreeLayers, TreeOpener } from '../../engine/ports/trees.ts';

const optionsOf = (mount: Mount, name: string): readonly string[] =>
  mount.options.flatMap((option) => (option.startsWith(`${name}=`) ? [option.slice(name.length + 1)] : []));

/** Directories of an overlay, nearest first. A name with an escape in it is left to the kernel to understand: none then. */
const overlayLayers = (mount: Mount): readonly string[] => {
  const all = [
    ...optionsOf(mount, 'upperdir'),
    ...optionsOf(mount, 'lowerdir').flatMap((list) => list.split(':')),
  ];
  return all.some((path) => path === '' || path.includes('\\')) ? [] : all;
};

const layersOf = (mounts: readonly Mount[]): TreeLayers => {
  const [mount, ...others] = mounts;
  if (mount === undefined || others.length > 0) return { directories: [] };
  if (mount.type === 'overlay') return { directories: overlayLayers(mount) };
  return { directories: mount.type === 'bind' ? [mount.source] : [] };
};

/** Options that speak of an upper directory, and of ids under which others are to see it: what is looked at is what is stored. */
const ofUpper = /^(?:upperdir|workdir|uidmap|gidmap)=|^volatile$|^rw$/;

/**
 * The same to look at, and nothing to write to. An upper directory becomes the first of the lower ones, since overlayfs
 * wants one for itself alone.
 */
const looking = (mount: Mount): Mount => {
  const upper = mount.type === 'overlay' ? optionsOf(mount, 'upperdir')[0] : undefined;
  const rest = mount.options.filter((option) => !ofUpper.test(option));
  const options =
    upper === undefined
      ? rest
      : rest.map((option) =>
          option.startsWith('lowerdir=') ? `lowerdir=${upper}:${option.slice('lowerdir='.length)}` : option,
        );
  return { ...mount, options: options.includes('ro') ? options : ['ro', ...options] };
};

export interface TreeOpenerOptions {
  readonly mounter: Mounter;
  /** Where a tree is mounted for a moment; nobody else's. What a crash left mounted there goes with `sweep`. */
  readonly directory: string;
}

/**
 * Mounts trees in a private place, opens them, and lets go of the place at once: the tree lives on behind its descriptor,
 * out of every mount table, and is gone with it, however the daemon ends.
 */
export const createTreeOpener = ({
  mounter,
  directory,
}: TreeOpenerOptions): TreeOpener & { sweep(): Promise<void> } => {
  const place = (): string => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return mkdtempSync(join(directory, 't-'));
  };

  const opened = (path: string): number => {
    try {
      return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      throw new Rejection('invalid-argument', 'the mounts do not end in a directory', { cause: error });
    }
  };

  return {
    open: async (mounts, { readonly }) => {
      const target = place();
      let descriptor: number | undefined;
      try {
        if (mounts.length > 0) await mounter.mount(readonly ? mounts.map(looking) : mounts, target);
        descriptor = opened(target);
      } finally {
        // lazily, since the descriptor holds it: detached it stays whole
        await mounter.unmount(target);
      }
      const own = descriptor;
      return { descriptor: own, layers: layersOf(mounts), close: async () => closeSync(own) };
    },
    sweep: async () => {
      for (const point of await mounter.under(directory)) await mounter.unmount(point);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(directory)) rmdirSync(join(directory, name));
    },
  };
};
