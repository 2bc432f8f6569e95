import { ContainerId, Namespace } from '../domain/identity.ts';
import { findTask, isOnHost } from '../domain/tasks.ts';
import type { Command } from '../domain/world.ts';
import { repairsOf } from '../workflows/recover-tasks.ts';
import { compare } from '../workflows/recovery.ts';
import type { Found, Repair } from '../workflows/repair.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { Ports } from './ports/ports.ts';
import type { TaskKey } from './ports/task-key.ts';
import type { Supervisor } from './supervisor.ts';
import type { WorkflowRunner } from './workflow-runner.ts';

export interface Recovery {
  readonly ledger: Ledger;
  readonly ports: Ports;
  readonly runner: WorkflowRunner;
  readonly supervisor: Supervisor;
  readonly cause: Cause;
  /** Whether the kernel was started since the log was last written. */
  readonly rebooted: boolean;
}

/** A shim that does not answer is asked again after this long (milliseconds), until it does. */
const hungPatience = 5000;

/**
 * Compares the host with the log, records every divergence, and sets right what can be. The supervisor must be reacting
 * already. Returns when nothing is left to do but to wait for shims that do not answer.
 */
export const recover = async (recovery: Recovery): Promise<void> => {
  const { ledger, ports, cause } = recovery;
  const found = await lookAround(recovery);
  const repairs = compare(ledger.head.world, found);
  const counts = { 'task-exited': 0, 'task-lost': 0 };
  const counting = ledger.recorded.subscribe(({ type }) => {
    if (type === 'task-exited' || type === 'task-lost') counts[type] += 1;
  });
  await report(recovery, repairs);
  await Promise.all(repairs.map((repair) => apply(recovery, repair)));
  counting.unsubscribe();
  const finished: Command = {
    type: 'finish-recovery',
    adopted: repairs.filter(({ watch }) => watch?.task).length,
    ended: counts['task-exited'],
    lost: counts['task-lost'],
    divergences: repairs.filter(({ divergence }) => divergence !== undefined).length,
  };
  await ledger.dispatch([finished], cause);
  for (const { task } of found.tasks.filter(({ state }) => state.status === 'hung')) {
    askAgain(recovery, task).catch((error: unknown) => {
      ports.logger.error('gave up on a task whose shim does not answer', { ...task, error });
    });
  }
};

const lookAround = async ({ ports, rebooted }: Recovery): Promise<Found> => {
  const { runtime, mounter, snapshotters, blobs, stdio, containerFiles, host } = ports;
  const digests = async () => {
    const all = [];
    for await (const { digest } of blobs.list()) all.push(digest);
    return all;
  };
  const directories = async () =>
    Promise.all([...snapshotters.local].map(async ([name, store]) => [name, await store.list()] as const));
  const [tasks, mounts, ids, held, ingests, streams, files] = await Promise.all([
    runtime.probe(),
    mounter.under(host.rootsDirectory),
    directories(),
    digests(),
    blobs.ingests(),
    stdio.list(),
    containerFiles.list(),
  ]);
  return {
    tasks,
    mounted: mounts.flatMap((path) => taskAt(path.slice(host.rootsDirectory.length + 1))),
    streams,
    snapshots: new Map(ids),
    blobs: held,
    ingests,
    files,
    rebooted,
  };
};

/** The task whose root is mounted at `namespace/id` below the folder of roots. */
const taskAt = (path: string): readonly TaskKey[] => {
  const [namespace, id] = path.split('/');
  const parsed = { namespace: Namespace.safeParse(namespace), id: ContainerId.safeParse(id) };
  return parsed.namespace.success && parsed.id.success
    ? [{ namespace: parsed.namespace.data, id: parsed.id.data }]
    : [];
};

/** Divergences stand in the log before anything is done about them. */
const report = async ({ ledger, cause }: Recovery, repairs: readonly Repair[]): Promise<void> => {
  const found = repairs.flatMap(({ divergence }) =>
    divergence ? [{ type: 'report-divergence' as const, ...divergence }] : [],
  );
  for (let at = 0; at < found.length; at += 1000) await ledger.dispatch(found.slice(at, at + 1000), cause);
};

const apply = async (recovery: Recovery, { adopt, watch, mend }: Repair): Promise<void> => {
  const { ports, runner, supervisor, cause } = recovery;
  try {
    if (adopt) await ports.runtime.adopt(adopt);
    if (mend) await runner.run(mend(), { cause });
    if (!adopt || !watch) return;
    if (watch.task) supervisor.watch(adopt, cause);
    for (const execId of watch.execs) supervisor.watchExec(adopt, execId, cause);
  } catch (error) {
    ports.logger.error('a repair failed; the next start of the daemon tries again', { ...adopt, error });
  }
};

/** Waits for a shim that did not answer, and recovers its task then. */
const askAgain = async (recovery: Recovery, { namespace, id }: TaskKey): Promise<void> => {
  const { ports, ledger } = recovery;
  for (;;) {
    await ports.clock.sleep(hungPatience);
    const found = (await ports.runtime.probe()).find(
      (one) => one.task.namespace === namespace && one.task.id === id,
    );
    const task = findTask(ledger.head.world.task, namespace, id);
    if (!task || !isOnHost(task)) return;
    if (found?.state.status === 'hung') continue;
    const repairs = [...repairsOf(task, found, { rebooted: false, streams: [] })];
    await report(recovery, repairs);
    await Promise.all(repairs.map((repair) => apply(recovery, repair)));
    return;
  }
};
