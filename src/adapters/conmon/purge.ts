import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { Timestamp } from '../../domain/identity.ts';
import type { Exit } from '../../engine/ports/runtime.ts';
import { hasCode } from '../syscalls/error.ts';
import {
  execPath,
  listExecs,
  readExit,
  readKeeper,
  readPid,
  readProcess,
  removeDirectory,
} from './bundle.ts';
import { controlGroupOf } from './control-group.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { type ProcessIdentity, statusOf, statusOfSame } from './process-identity.ts';

const SIGKILL = 9;
/** For a killed process to be gone, and for its conmon to tell, in milliseconds. */
const patienceMs = 2_000;
const lookMs = 5;

/** A process that ended between looking and killing is what was wanted. */
const kill = (pid: number): void => {
  try {
    process.kill(pid, SIGKILL);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
};

const within = async (done: () => boolean | Promise<boolean>): Promise<boolean> => {
  for (const until = performance.now() + patienceMs; performance.now() < until; ) {
    if (await done()) return true;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return done();
};

const gone = (one: ProcessIdentity | undefined): boolean => one === undefined || !statusOfSame(one);

/** Those that work in this directory: conmon, and an OCI runtime that it has started, where a crash left no note of it. */
const killThoseIn = (directory: string): void => {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === directory) kill(Number(name));
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) throw error;
    }
  }
};

/**
 * Ends the process that a conmon keeps, also one that is only being made, and with it conmon, which tells of the exit first.
 * One that is stopped, or takes too long, is killed.
 */
export const endKept = async (directory: string): Promise<void> => {
  const keeper = readKeeper(directory);
  if (keeper === undefined) {
    killThoseIn(directory);
    return;
  }
  await within(() => {
    const condition = statusOfSame(keeper)?.condition;
    if (condition !== 'alive') return true;
    const pid = readPid(directory);
    if (pid !== undefined && statusOf(pid)?.parent === keeper.pid) kill(pid);
    return false;
  });
  if (!gone(keeper)) kill(keeper.pid);
  await within(() => gone(keeper));
};

/**
 * Ends what is left of a task, in the order that leaves nothing behind: its process, its conmons, what the OCI runtime keeps of
 * it, its control group, the bundle.
 * @returns the exit that conmon told, or that of the kill where there was something to kill
 */
export const purgeBundle = async (
  id: string,
  bundle: string,
  runtime: OciRuntime,
): Promise<Exit | undefined> => {
  const group = controlGroupOf(bundle);
  const known = readProcess(bundle);
  const lived = !gone(known);
  if (known && lived) kill(known.pid);
  await Promise.all((await listExecs(bundle)).map((execId) => endKept(execPath(bundle, execId))));
  await endKept(bundle);
  await within(() => gone(known));
  if (existsSync(runtime.stateDirectory)) await runtime.delete(true);
  if (group !== undefined) {
    // A creation that was broken off leaves a group that the OCI runtime knows nothing of.
    await within(() => {
      for (const pid of group.processes()) kill(pid);
      return group.remove();
    });
  }
  const exit = readExit(bundle, id);
  removeDirectory(bundle);
  if (exit !== undefined || !lived) return exit;
  return { code: 128 + SIGKILL, at: Timestamp.parse(Date.now() * 1000) };
};
