import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import { type Child, startChild } from '../syscalls/child.ts';
import { streamPair } from '../syscalls/stream-pair.ts';
import { writePart } from './bundle.ts';
import { commandEnvironment, reasonOf } from './command.ts';
import { type ProcessIdentity, statusOf } from './process-identity.ts';
import { startFailure } from './start-failure.ts';

/**
 * One conmon to be started. It makes the process through the OCI runtime and stays: it reads the output and writes it to the
 * log, hands it to whoever is attached, waits for the end and writes the exit code down. It is told nothing after its start,
 * and needs no daemon.
 */
export interface ConmonJob {
  readonly binary: string;
  /** Its working directory: its bundle, or that of the extra process. */
  readonly directory: string;
  readonly args: readonly string[];
  /** What the OCI runtime reads; conmon's own start goes on meanwhile. */
  readonly ready: Promise<unknown>;
  /**
   * Called when clients can connect and before the process is made; for extra processes, which run at once.
   * @param keeper process id of conmon
   */
  readonly attachable?: (keeper: number) => void;
  readonly timeoutMs: number;
}

export interface StartedConmon {
  readonly child: Child;
  readonly keeper: ProcessIdentity;
  /** The process that it keeps. */
  readonly pid: number;
}

/** What conmon tells: a process id, or a negative number and why there is none. */
const Word = z.object({ data: z.number().int(), message: z.string().optional() });

/**
 * Descriptors in the child; conmon finds their numbers in its environment. Where it waits twice it keeps the one it is told
 * by open, so that one does for all; where it waits once, it closes that.
 */
const descriptors = { words: 3, start: 4 } as const;

/** What conmon says before it lets go of its standard error; then only its words count. */
const complaintsFile = 'complaints';

async function* wordsOf(pipe: Socket): AsyncGenerator<z.infer<typeof Word>, undefined> {
  let rest = '';
  for await (const text of pipe.setEncoding('utf8')) {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield Word.parse(JSON.parse(line));
  }
  return undefined;
}

interface Begun {
  readonly child: Child;
  /** Our ends of its pipes. */
  readonly told: Socket;
  readonly start: Socket;
}

/** @throws Rejection `unavailable` where conmon can't be run */
const begin = (job: ConmonJob): Begun => {
  const complaints = openSync(join(job.directory, complaintsFile), 'w', 0o600);
  const told = streamPair();
  const apart = job.attachable ? undefined : streamPair();
  const { words } = descriptors;
  const start = job.attachable ? words : descriptors.start;
  try {
    const child = startChild({
      binary: job.binary,
      args: job.args,
      cwd: job.directory,
      env: {
        ...commandEnvironment(),
        // Times in the log with the offset +00:00; and no socket of a terminal in a folder that all may write to.
        TZ: 'UTC',
        TMPDIR: '.',
        _OCI_SYNCPIPE: String(words),
        _OCI_STARTPIPE: String(start),
        ...(job.attachable ? { _OCI_ATTACHPIPE: String(words) } : {}),
      },
      descriptors: ['ignore', 'ignore', complaints, told.theirs, ...(apart ? [apart.theirs] : [])],
    });
    // A conmon that is gone ends its words, and that is told.
    apart?.ours.on('error', () => told.ours.destroy());
    return { child, told: told.ours, start: (apart ?? told).ours };
  } catch (cause) {
    for (const pair of [told, apart]) pair?.ours.destroy();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Rejection('unavailable', `cannot run conmon: ${why}`, { cause });
  } finally {
    for (const fd of [complaints, told.theirs, apart?.theirs]) if (fd !== undefined) closeSync(fd);
  }
};

/** How conmon ended, and what it said. */
const endOf = async (child: Child, directory: string): Promise<string> => {
  const { code, signal } = await child.ended;
  const path = join(directory, complaintsFile);
  const complaints = existsSync(path) ? readFileSync(path, 'utf8').slice(0, 4096) : '';
  return `conmon ended (${signal ?? `exit code ${code}`}) ${complaints}`.trim();
};

/**
 * Starts conmon, and through it the process.
 * @throws StartFailure where the OCI runtime would not; Rejection `unavailable`, `deadline-exceeded` (conmon is killed)
 */
export const startConmon = async (job: ConmonJob): Promise<StartedConmon> => {
  const { child, told, start } = begin(job);
  // Told by whoever races it below.
  const ended = endOf(child, job.directory);
  ended.catch(() => undefined);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, job.timeoutMs);
  try {
    const keeper = keeperOf(child);
    writePart(job.directory, 'keeper', keeper);
    await job.ready;
    const words = wordsOf(told);
    start.write('.');
    if (job.attachable) {
      await wordOr(words, ended, () => late, job);
      job.attachable(keeper.pid);
      start.write('.');
    }
    const { data, message } = await wordOr(words, ended, () => late, job);
    if (data <= 0) throw startFailure(reasonOf(message ?? '') || 'the OCI runtime gave no reason');
    return { child, keeper, pid: data };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    for (const pipe of [told, start]) pipe.destroy();
  }
};

const keeperOf = ({ pid }: Child): ProcessIdentity => {
  const status = statusOf(pid);
  if (status === undefined) throw new Rejection('unavailable', `conmon ${pid} ended at once`);
  return { pid, started: status.started };
};

/** The next word of conmon's, or why there will be none. */
const wordOr = async (
  words: AsyncGenerator<z.infer<typeof Word>, undefined>,
  ended: Promise<string>,
  late: () => boolean,
  job: ConmonJob,
): Promise<z.infer<typeof Word>> => {
  const { value } = await words.next();
  if (value !== undefined) return value;
  // An end without a word means that it is about to end.
  const why = await ended;
  throw late()
    ? new Rejection('deadline-exceeded', `conmon had no process within ${job.timeoutMs} ms`)
    : new Rejection('unavailable', why);
};
