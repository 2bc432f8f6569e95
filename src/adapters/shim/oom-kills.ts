import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode } from '../syscalls/error.ts';
import { readSpecification } from './bundle.ts';

/**
 * Where the kernel counts the processes of a control group that it killed for memory, as a line `oom_kill <number>`:
 * memory.oom_control of version 1, memory.events of version 2 (Documentation/admin-guide/cgroup-v1/memory.rst and
 * cgroup-v2.rst of the kernel).
 */
const counters = (group: string): readonly string[] => [
  join('/sys/fs/cgroup/memory', group, 'memory.oom_control'),
  join('/sys/fs/cgroup', group, 'memory.events'),
];

const Specification = z.object({ linux: z.object({ cgroupsPath: z.string().startsWith('/') }) });

/** How many `oom_kill` the text of a counter tells of. */
export const oomKillsIn = (text: string): number => Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);

const readIfThere = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // The other version of control groups, or the task was deleted meanwhile.
    if (hasCode(error, 'ENOENT', 'ENODEV')) return '';
    throw error;
  }
};

const specificationIfThere = (bundle: string): string | undefined => {
  try {
    return readSpecification(bundle);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
};

/**
 * Whether the kernel killed a process of this bundle's task for want of memory. To be asked before the task is deleted,
 * for its control group goes with it; a task that is gone says no.
 */
export const sawOomKill = async (bundle: string): Promise<boolean> => {
  const text = specificationIfThere(bundle);
  if (text === undefined) return false;
  const group = Specification.safeParse(JSON.parse(text)).data?.linux.cgroupsPath;
  // A group named in systemd's way stands elsewhere; the shim's own event has to do there.
  if (group === undefined) return false;
  const counted = await Promise.all(counters(group).map(readIfThere));
  return counted.some((counter) => oomKillsIn(counter) > 0);
};
