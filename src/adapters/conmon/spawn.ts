import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
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
  readonly child: ChildProcess;
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

async function* wordsOf(pipe: Readable): AsyncGenerator<z.infer<typeof Word>, undefined> {
  let rest = '';
  for await (const text of pipe.setEncoding('utf8')) {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield Word.parse(JSON.parse(line));
  }
  return undefined;
}

const begin = (job: ConmonJob): ChildProcess => {
  const complaints = openSync(join(job.directory, complaintsFile), 'w', 0o600);
  const { words } = descriptors;
  const start = job.attachable ? words : descriptors.start;
  const child = spawn(job.binary, job.args, {
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
    // Its own session, so that no signal to the daemon's reaches it.
    detached: true,
    stdio: ['ignore', 'ignore', complaints, 'pipe', ...(job.attachable ? [] : (['pipe'] as const))],
  });
  closeSync(complaints);
  child.unref();
  return child;
};

const endOf = (child: ChildProcess, directory: string): Promise<string> =>
  new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new Rejection('unavailable', `cannot run conmon: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) => {
      const path = join(directory, complaintsFile);
      const complaints = existsSync(path) ? readFileSync(path, 'utf8').slice(0, 4096) : '';
      resolve(`conmon ended (${signal ?? `exit code ${code}`}) ${complaints}`.trim());
    });
  });

/**
 * Starts conmon, and through it the process.
 * @throws StartFailure where the OCI runtime would not; Rejection `unavailable`, `deadline-exceeded` (conmon is killed)
 */
export const startConmon = async (job: ConmonJob): Promise<StartedConmon> => {
  const child = begin(job);
  const ended = endOf(child, job.directory);
  ended.catch(() => undefined); // told by whoever races it below
  const pipes: readonly (Readable | Writable | null | undefined)[] = child.stdio;
  const [told, start] = [
    pipes[descriptors.words],
    pipes[job.attachable ? descriptors.words : descriptors.start],
  ];
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, job.timeoutMs);
  try {
    const keeper = keeperOf(child, await startedOr(ended, child));
    writePart(job.directory, 'keeper', keeper);
    await job.ready;
    if (!told || !('read' in told)) throw new Rejection('internal', 'conmon was started without its pipes');
    const words = wordsOf(told);
    release(start);
    if (job.attachable) {
      await wordOr(words, ended, () => late, job);
      job.attachable(keeper.pid);
      release(start);
    }
    const { data, message } = await wordOr(words, ended, () => late, job);
    if (data <= 0) throw startFailure(reasonOf(message ?? '') || 'the OCI runtime gave no reason');
    return { child, keeper, pid: data };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    for (const pipe of [told, start]) pipe?.destroy();
  }
};

const startedOr = async (ended: Promise<string>, child: ChildProcess): Promise<number> => {
  if (child.pid !== undefined) return child.pid;
  // The error event says why.
  throw new Rejection('unavailable', await ended);
};

const keeperOf = (child: ChildProcess, pid: number): ProcessIdentity => {
  const status = statusOf(pid);
  if (status === undefined) throw new Rejection('unavailable', `conmon ${child.pid} ended at once`);
  return { pid, started: status.started };
};

const release = (pipe: Readable | Writable | null | undefined): void => {
  if (pipe && 'write' in pipe) pipe.write('.');
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
