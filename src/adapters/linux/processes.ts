import { readFile, stat } from 'node:fs/promises';
import type { Timestamp } from '../../domain/identity.ts';
import type { ProcessView } from '../../engine/ports/api.ts';
import type { ProcessTable } from '../../engine/ports/processes.ts';

/** Clock ticks a second and bytes a page: constants of the kernel's user interface on all that Shiplog runs on. */
const ticks = 100;
const pageBytes = 4096;

const bootTime = async (): Promise<number> => {
  const found = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'));
  return Number(found?.[1] ?? 0);
};

/** One process (proc(5)): undefined where it has gone. */
const readOne = async (pid: number, booted: number): Promise<ProcessView | undefined> => {
  try {
    const [text, commandLine, { uid }] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      stat(`/proc/${pid}`),
    ]);
    // The name in parentheses may hold anything; the fields after it are numbers, the third (state) being the first.
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3] ?? 0);
    const args = commandLine.split('\0').slice(0, -1);
    return {
      pid,
      ppid: field(4),
      uid,
      cpu: ((field(14) + field(15)) * 1e6) / ticks,
      startedAt: Math.round((booted + field(22) / ticks) * 1e6) as Timestamp,
      rss: field(24) * pageBytes,
      args: args.length > 0 ? args : [`[${name}]`],
    };
  } catch (error) {
    const gone =
      error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
    if (gone) return undefined;
    throw error;
  }
};

export const createProcessTable = (): ProcessTable => ({
  read: async (pids) => {
    const booted = await bootTime();
    const found = await Promise.all(pids.map((pid) => readOne(pid, booted)));
    return found.filter((one) => one !== undefined);
  },
});
