import type { ProcessConfig } from '../domain/container-config.ts';
import type { ExecId } from '../domain/identity.ts';
import type { TaskAddress } from './effects.ts';
import { dispatch, perform, type Workflow } from './steps.ts';
import { failureOf } from './task.ts';

/** Starts an extra process in a running container. */
export function* startExec(
  task: TaskAddress,
  execId: ExecId,
  process: ProcessConfig,
): Workflow<{ readonly pid: number }> {
  yield* dispatch({ type: 'request-exec', ...task, execId, process });
  try {
    const { pid } = yield* perform('start-exec', { ...task, execId, process });
    yield* dispatch({ type: 'record-exec-started', ...task, execId, pid });
    return { pid };
  } catch (error) {
    const { exitCode, message } = failureOf(error);
    yield* perform('end-exec', { ...task, execId });
    yield* dispatch({ type: 'record-exec-failed', ...task, execId, exitCode, error: message });
    throw error;
  }
}
