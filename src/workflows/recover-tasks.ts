import { containerSubject, findContainer } from '../domain/containers.ts';
import type { Divergence } from '../domain/host.ts';
import type { ExecId } from '../domain/identity.ts';
import { isClients, isOnHost, isToStart, type Task } from '../domain/tasks.ts';
import type { Command, World } from '../domain/world.ts';
import { removeContainer } from './container.ts';
import type { Ending, TaskAddress } from './effects.ts';
import type { Found, FoundTask, Repair } from './repair.ts';
import { dispatch, perform, type Workflow } from './steps.ts';
import { cleanUp } from './task.ts';

const keyOf = ({ namespace, id }: TaskAddress): string => `${namespace}/${id}`;

/** Tasks: those the log names against those the host has, both ways. */
export function* taskRepairs(world: World, found: Found): Generator<Repair> {
  const onHost = new Map(found.tasks.map((one) => [keyOf(one.task), one]));
  const named = new Set<string>();
  for (const task of world.task.values()) {
    if (!isOnHost(task)) {
      if (task.state.status === 'over' && toBeRemoved(world, task)) yield removal(task);
      continue;
    }
    named.add(keyOf(task));
    yield* repairsOf(task, onHost.get(keyOf(task)), found);
  }
  const unnamed = (what: Divergence['what'], detail: string, task: TaskAddress): Repair => ({
    divergence: { what, detail, repair: 'removed' },
    mend: () => perform('purge-task', task),
  });
  for (const { task, state } of found.tasks) {
    if (named.has(keyOf(task))) continue;
    named.add(keyOf(task));
    yield unnamed('task-unnamed', `a task of container '${keyOf(task)}' is ${state.status}`, task);
  }
  for (const task of found.mounted) {
    if (named.has(keyOf(task))) continue;
    named.add(keyOf(task));
    yield unnamed('mount-unnamed', `the root of container '${keyOf(task)}' is mounted without a task`, task);
  }
  for (const { namespace, id } of found.streams) {
    const task = { namespace, id };
    if (named.has(keyOf(task))) continue;
    named.add(keyOf(task));
    yield unnamed('stdio-unnamed', `streams of container '${keyOf(task)}' are held without a task`, task);
  }
}

const toBeRemoved = ({ container }: World, { namespace, id }: Task): boolean =>
  findContainer(container, namespace, id)?.removeOnExit ?? false;
const removal = ({ namespace, id }: Task): Repair => ({
  mend: () => removeContainer({ namespace, id }, false),
});

/** One task that the log says is on the host. */
export function* repairsOf(
  task: Task,
  found: FoundTask | undefined,
  { rebooted, streams }: Pick<Found, 'rebooted' | 'streams'>,
): Generator<Repair> {
  const { namespace, id, state } = task;
  const at = { namespace, id };
  if (state.status === 'stopped') {
    // Its shim may still be there to be asked, be gone alone, or be gone with all it kept.
    const asked = found?.state.status === 'stopped';
    if (asked && isClients(task)) {
      yield { adopt: at };
      return;
    }
    yield asked ? { adopt: at, mend: () => cleanUp(at) } : { mend: () => freeDead(at) };
    return;
  }
  const ran = found !== undefined && hasRun.includes(found.state.status);
  if (state.status === 'creating' && !(isToStart(task) && ran)) {
    yield { mend: () => fail(at, 'create') };
    return;
  }
  if (found === undefined || found.state.status === 'dead') {
    const because = rebooted ? 'the host was rebooted' : 'its shim or conmon is gone';
    const divergence = vanished(at, because);
    yield { ...(rebooted ? {} : { divergence }), mend: () => endDead(at, because) };
    return;
  }
  if (found.state.status === 'hung') {
    yield { divergence: hung(at) };
    return;
  }
  if (state.status === 'starting' && found.state.status === 'created') {
    yield { mend: () => fail(at, 'start') };
    return;
  }
  yield takeUp(task, found);
  const held = streams.flatMap((one) => (keyOf(one) === keyOf(task) && one.execId ? [one.execId] : []));
  yield* execRepairs(task, found.execs, held);
}

/** What a process may be found as once it was started. */
const hasRun: readonly FoundTask['state']['status'][] = ['running', 'paused', 'stopped'];

/** A task that is there: what happened to it meanwhile goes into the log. */
const takeUp = (task: Task, { state, execs }: FoundTask): Repair => {
  const { namespace, id } = task;
  const at = { namespace, id };
  const started = task.state.status === 'running' || task.state.status === 'paused';
  const commands: Command[] = [];
  if (!started && 'pid' in state && state.status !== 'created') {
    commands.push({ type: 'record-task-created', ...at, pid: state.pid });
    commands.push({ type: 'record-task-started', ...at, pid: state.pid });
  }
  if (state.status === 'stopped') {
    commands.push({ type: 'record-exit', ...at, exitCode: state.exit.code, exitedAt: state.exit.at });
    return { adopt: at, mend: () => dispatch(...commands) };
  }
  // What the log says already decides no event.
  if (state.status === 'paused') commands.push({ type: 'record-paused', ...at });
  if (state.status === 'running') commands.push({ type: 'record-resumed', ...at });
  if (task.pending !== undefined) commands.push(...settle(at, task.pending, state.status));
  const running = execs.filter((execId) => task.execs[execId]?.status === 'running');
  return {
    adopt: at,
    watch: { task: started || isClients(task), execs: running },
    mend: () => dispatch(...commands),
  };
};

/** The outcome of a pause or resume that the crash came into the middle of. */
const settle = (at: TaskAddress, pending: 'pause' | 'resume', status: string): readonly Command[] => {
  const happened = (pending === 'pause') === (status === 'paused');
  const error = 'the daemon stopped before it happened';
  return happened ? [] : [{ type: 'record-action-failed', ...at, action: pending, error }];
};

/**
 * @param found execs that the shim has
 * @param held execs whose streams are held, which a kill may leave when the shim has let go already
 */
function* execRepairs(task: Task, found: readonly ExecId[], held: readonly ExecId[]): Generator<Repair> {
  const { namespace, id, execs } = task;
  const free = (execId: ExecId) => perform('end-exec', { namespace, id, execId });
  for (const { execId, status } of Object.values(execs)) {
    if (status === 'ended') continue;
    if ((status === 'running' || status === 'created') && found.includes(execId)) continue;
    const because = 'the daemon stopped while it was starting, or its process is gone';
    yield {
      mend: function* () {
        yield* free(execId);
        yield* dispatch({ type: 'record-exec-lost', namespace, id, execId, because });
      },
    };
  }
  for (const execId of new Set([...found, ...held])) {
    const known = execs[execId];
    if (known === undefined) {
      yield {
        divergence: {
          what: 'exec-unnamed',
          subject: containerSubject(namespace, id),
          detail: `an extra process '${execId}' is there that no event names`,
          repair: 'removed',
        },
        mend: () => free(execId),
      };
    } else if (known.status === 'ended' && !isClients(known)) {
      yield { mend: () => free(execId) };
    }
  }
}

const vanished = ({ namespace, id }: TaskAddress, because: string): Divergence => ({
  what: 'task-vanished',
  subject: containerSubject(namespace, id),
  detail: because,
  repair: 'what was left of it is ended and removed',
});

const hung = ({ namespace, id }: TaskAddress): Divergence => ({
  what: 'task-unknown',
  subject: containerSubject(namespace, id),
  detail: 'its shim or conmon does not answer',
  repair: 'asked again until it does',
});

/** Ends a task of which nothing more can be asked; its exit code is what its shim's own clean-up still knows. */
export function* endDead(task: TaskAddress, because: string): Workflow<void> {
  const exit: Ending | undefined = yield* perform('purge-task', task);
  yield* dispatch(
    exit
      ? { type: 'record-exit', ...task, exitCode: exit.code, exitedAt: exit.at }
      : { type: 'record-task-lost', ...task, because },
  );
}

/** Frees what is left of an ended task without asking its shim. */
function* freeDead(task: TaskAddress): Workflow<void> {
  yield* perform('purge-task', task);
  yield* dispatch({ type: 'record-task-deleted', ...task });
}

/** Takes back a creation or start that has no outcome. */
function* fail(task: TaskAddress, stage: 'create' | 'start'): Workflow<void> {
  yield* perform('purge-task', task);
  const error = `the daemon stopped before the process was ${stage === 'create' ? 'made' : 'started'}`;
  yield* dispatch({ type: 'record-task-failed', ...task, stage, exitCode: 125, error });
}
