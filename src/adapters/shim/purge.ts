import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { asRejection, isRejection } from '../../domain/rejection.ts';
import type { Exit, TaskKey } from '../../engine/ports/runtime.ts';
import { DeleteResponseSchema, Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { hasCode } from '../syscalls/error.ts';
import { UmountFlag, umount } from '../syscalls/mount.ts';
import { type BundleRecord, readBundle, removeBundle, runcRoot } from './bundle.ts';
import { readEndpoint, socketPath } from './endpoint.ts';
import type { ShimRuntimeOptions, ShimTimeouts } from './options.ts';
import { exitOf } from './shim.ts';
import { runHelper, runShimAction } from './shim-binary.ts';
import { connectTask } from './task-client.ts';

/**
 * Ends what is left of a task whose shim is dead or hung, in the order that leaves nothing behind: the shim and runc's
 * children (they work in the bundle), then the container by the shim's own `delete`, then by runc itself in case that
 * failed, then the socket and the bundle.
 */
export const purgeBundle = async (
  task: TaskKey,
  bundle: string,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<Exit | undefined> => {
  const record = readBundle(bundle);
  if (record === undefined) {
    await removeBundle(bundle);
    return undefined;
  }
  const exit =
    record.sandbox === undefined
      ? await endShim(task, bundle, record, options, timeouts)
      : await endInSandbox(task, bundle, options, timeouts);
  unmountRoot(bundle);
  await removeBundle(bundle);
  return exit;
};

const endShim = async (
  task: TaskKey,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<Exit | undefined> => {
  await killThoseIn(bundle);
  const exit = await shimDelete(task, bundle, record, options, timeouts);
  await runcDelete(task, bundle, record, options, timeouts);
  const endpoint = readEndpoint(bundle);
  const socket = endpoint && socketPath(endpoint.address, endpoint.protocol);
  if (socket?.startsWith('/')) await rm(socket, { force: true });
  return exit;
};

/** The shim is the sandbox's, and stays: it is asked to end the task. What is left where it is dead goes with the sandbox. */
const endInSandbox = async (
  task: TaskKey,
  bundle: string,
  { logger }: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<Exit | undefined> => {
  const endpoint = readEndpoint(bundle);
  if (endpoint === undefined) return undefined;
  const target = { endpoint, namespace: task.namespace, name: `the shim of ${task.namespace}/${task.id}` };
  try {
    const client = await connectTask(target, timeouts.connect);
    try {
      const { id } = task;
      // It may have ended already.
      await client.call(Task.method.kill, { id, signal: 9, all: true }, timeouts.call).catch(asRejection);
      await client.call(Task.method.wait, { id }, timeouts.purge);
      return exitOf(await client.call(Task.method.delete, { id }, timeouts.purge));
    } finally {
      client.close();
    }
  } catch (error) {
    if (!isRejection(error)) throw error;
    logger.info('a task could not be ended in its sandbox; it goes with that', {
      ...task,
      error: error.message,
    });
    return undefined;
  }
};

/** Most mounts that one root is made of. */
const mountsAtMost = 64;

/** A client's root is mounted within the bundle by the shim, and stays where the shim's clean-up did not get that far; or by us. */
export const unmountRoot = (bundle: string): void => {
  const path = join(bundle, 'rootfs');
  for (let mounts = 0; mounts < mountsAtMost; mounts++) {
    try {
      umount(path, UmountFlag.detach | UmountFlag.nofollow);
    } catch (error) {
      // No mount point, or nothing at all.
      if (hasCode(error, 'EINVAL', 'ENOENT')) return;
      throw error;
    }
  }
};

/**
 * Kills every process that works in this very directory (same device and inode): the shim, also a stopped one, and what
 * it was running. A container's processes work in their own root, so they are not meant.
 */
export const killThoseIn = async (bundle: string): Promise<void> => {
  const here = await stat(bundle);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  await Promise.all(
    pids.map(async (pid) => {
      const there = await stat(`/proc/${pid}/cwd`).catch(gone);
      if (there?.ino !== here.ino || there.dev !== here.dev) return;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch (error) {
        gone(error);
      }
    }),
  );
};

/** A process that ended between listing and looking is what was wanted. */
const gone = (error: unknown): undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
  throw error;
};

const shimDelete = async (
  task: TaskKey,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<Exit | undefined> => {
  try {
    const printed = await runShimAction({
      binary: record.shim,
      args: [
        ...['-namespace', task.namespace, '-address', options.address, '-publish-binary', ''],
        ...['-id', task.id, '-bundle', bundle, 'delete'],
      ],
      bundle,
      ttrpcAddress: options.ttrpcAddress,
      timeoutMs: timeouts.purge,
    });
    const answer = fromBinary(DeleteResponseSchema, printed);
    return answer.exitedAt === undefined ? undefined : exitOf(answer);
  } catch (error) {
    if (!isRejection(error)) throw error;
    // A shim that never created its container has nothing to delete and says so by failing.
    options.logger.info('the clean-up of a shim failed; runc is asked instead', {
      ...task,
      error: error.message,
    });
    return undefined;
  }
};

const runcDelete = async (
  task: TaskKey,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<void> => {
  const root = join(record.runtimeRoot ?? runcRoot(options.stateDirectory), task.namespace);
  const left = await stat(join(root, task.id)).catch(gone);
  if (left === undefined) return;
  await runHelper({
    binary: record.runtimeBinary,
    args: ['--root', root, 'delete', '--force', task.id],
    cwd: bundle,
    env: process.env,
    timeoutMs: timeouts.purge,
  });
};
