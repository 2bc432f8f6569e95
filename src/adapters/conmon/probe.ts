import { isRejection } from '../../domain/rejection.ts';
import type { ProbedTask } from '../../engine/ports/runtime.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import {
  execPath,
  listExecs,
  noteStarted,
  readExit,
  readKeeper,
  readPid,
  readProcess,
  wasStarted,
} from './bundle.ts';
import { controlGroupOf } from './control-group.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { statusOfSame } from './process-identity.ts';

/** How a task is, out of its bundle and what the kernel says of its processes. Never throws for a bad task. */
export const probeBundle = async (
  task: TaskKey,
  bundle: string,
  runtime: OciRuntime,
): Promise<ProbedTask> => {
  const dead: ProbedTask = { task, state: { status: 'dead' }, execs: [] };
  const execs = async () => {
    const listed = await listExecs(bundle);
    return listed.filter((execId) => readKeeper(execPath(bundle, execId)) !== undefined);
  };
  const exit = readExit(bundle, task.id);
  if (exit !== undefined) return { task, state: { status: 'stopped', exit }, execs: await execs() };
  const keeper = readKeeper(bundle);
  const status = keeper && statusOfSame(keeper);
  if (status?.condition === 'stopped') return { task, state: { status: 'hung' }, execs: [] };
  const pid = readProcess(bundle)?.pid ?? readPid(bundle);
  if (status === undefined || pid === undefined) return dead;
  const started = await hasStarted(bundle, runtime);
  if (started === undefined) return dead;
  if (!started) return { task, state: { status: 'created', pid }, execs: [] };
  const paused = controlGroupOf(bundle)?.frozen === true;
  return { task, state: { status: paused ? 'paused' : 'running', pid }, execs: await execs() };
};

/** The OCI runtime is asked where a crash may have come between the start and the note of it. */
const hasStarted = async (bundle: string, runtime: OciRuntime): Promise<boolean | undefined> => {
  if (wasStarted(bundle)) return true;
  try {
    const status = await runtime.status();
    if (status === 'created') return false;
    if (status === 'creating') return undefined;
    noteStarted(bundle);
    return true;
  } catch (error) {
    if (!isRejection(error)) throw error;
    return undefined;
  }
};
