import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode } from '../syscalls/error.ts';
import { readSpecification } from './bundle.ts';

const root = '/sys/fs/cgroup';

const Specification = z.object({ linux: z.object({ cgroupsPath: z.string().startsWith('/') }) });

const textIfThere = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // The other version of control groups, another hierarchy, or gone meanwhile.
    if (hasCode(error, 'ENOENT', 'ENODEV', 'ENOTDIR')) return '';
    throw error;
  }
};

/**
 * The control group of a bundle's container, in every hierarchy of version 1 and in version 2
 * (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel).
 * @returns undefined where there is no specification, or one that names its group in systemd's way
 */
export const controlGroupOf = (bundle: string): ControlGroup | undefined => {
  try {
    const path = Specification.safeParse(JSON.parse(readSpecification(bundle))).data?.linux.cgroupsPath;
    return path === undefined ? undefined : new ControlGroup(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/** How many `oom_kill` the text of a counter tells of. */
export const oomKillsIn = (text: string): number => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);

export class ControlGroup {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }

  /** That of the hierarchies which limit; a hybrid host has those of version 1. */
  get version(): 1 | 2 {
    return existsSync(join(root, 'cgroup.controllers')) ? 2 : 1;
  }

  /** One of its files, empty where it is not there. @param hierarchy of version 1, empty for version 2 */
  readonly text = (hierarchy: string, file: string): string =>
    textIfThere(join(root, hierarchy, this.#path, file));

  get frozen(): boolean {
    const state = textIfThere(join(root, 'freezer', this.#path, 'freezer.state')).trim();
    return (
      state === 'FROZEN' ||
      state === 'FREEZING' ||
      textIfThere(join(root, this.#path, 'cgroup.freeze')).trim() === '1'
    );
  }

  /** Whether the kernel killed one of its processes for want of memory; no once it is removed. */
  get sawOomKill(): boolean {
    const counters = [
      join(root, 'memory', this.#path, 'memory.oom_control'),
      join(root, this.#path, 'memory.events'),
    ];
    return counters.some((path) => oomKillsIn(textIfThere(path)) > 0);
  }

  get #folders(): readonly string[] {
    return ['', ...readdirSync(root)].map((hierarchy) => join(root, hierarchy, this.#path));
  }

  processes(): readonly number[] {
    const lines = this.#folders.flatMap((folder) => textIfThere(join(folder, 'cgroup.procs')).split('\n'));
    return [...new Set(lines.filter((line) => line !== '').map(Number))];
  }

  /** Removes it where it is empty. @returns whether it is gone */
  async remove(): Promise<boolean> {
    const removed = await Promise.all(
      this.#folders.map(async (folder) => {
        try {
          await rmdir(folder);
          return true;
        } catch (error) {
          if (hasCode(error, 'EBUSY', 'ENOTEMPTY')) return false;
          if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENODEV')) return true;
          throw error;
        }
      }),
    );
    return removed.every((each) => each);
  }
}
