import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerConfig } from '../../domain/container-config.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { TaskKey, TaskOrder } from '../../engine/ports/runtime.ts';
import type { StdioPaths } from '../../engine/ports/stdio.ts';
import { Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { FileType, mknod } from '../syscalls/node.ts';
import { type BundleRecord, makeBundle, runcRoot } from './bundle.ts';
import { copyShimLog } from './log-fifo.ts';
import type { ShimRuntimeOptions, ShimTimeouts } from './options.ts';
import { anyBytes, runcOptionsAny, takesRuncOptions } from './runc-options.ts';
import { Shim } from './shim.ts';
import { runShimAction } from './shim-binary.ts';
import { asStartFailure } from './start-failure.ts';

const specificationFile = 'config.json';

/** Writes the specification once what it tells of is there. @returns the streams */
const specify = async (
  request: TaskOrder,
  bundle: string,
  { container }: ShimRuntimeOptions['specification'],
): Promise<StdioPaths> => {
  const [secrets, stdio] = await Promise.all([request.secrets, request.stdio]);
  const text = await container({ ...request, secrets, stdio }, bundle);
  const fresh = join(bundle, `${specificationFile}.new`);
  await writeFile(fresh, text, { mode: 0o600 });
  await rename(fresh, join(bundle, specificationFile));
  return stdio;
};

/** Both results, or the first failure once both have ended, so that nothing goes on behind the caller's back. */
const both = async <A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> => {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
};

/**
 * Makes the bundle, starts a shim in it and has it create the task. What is made stays when a step fails. The shim starts
 * on an empty specification (it looks for annotations there, of which we have none) while the real one is being made.
 */
export const startShim = async (
  request: TaskOrder,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<{ shim: Shim; pid: number }> => {
  const { task } = request;
  await makeBundle(bundle, record);
  mknod(join(bundle, 'log'), FileType.fifo | 0o600);
  await writeFile(join(bundle, specificationFile), '{}', { mode: 0o600 });
  const closeLog = copyShimLog(bundle, task, options.logger);
  try {
    const runcOptions = takesRuncOptions(record.shim)
      ? runcOptionsAny({
          binaryName: record.runtimeBinary,
          root: runcRoot(options.stateDirectory),
          ...streamOwner(request.config),
        })
      : undefined;
    const stdin = runcOptions && anyBytes(runcOptions);
    const [address, stdio] = await both(
      shimAddress(task, bundle, record, options, timeouts, stdin),
      specify(request, bundle, options.specification),
    );
    const shim = await Shim.connect({ task, bundle, address, timeouts }, closeLog, timeouts.connect);
    try {
      const created = await shim.call(
        Task.method.create,
        { id: task.id, bundle, ...stdio, ...(runcOptions ? { options: runcOptions } : {}) },
        timeouts.create,
      );
      return { shim, pid: created.pid };
    } catch (error) {
      shim.close();
      throw asStartFailure(error);
    }
  } catch (error) {
    closeLog();
    throw error;
  }
};

/** Pipes must belong to the container's root, or nobody in there could open /dev/stdout. */
const streamOwner = ({ namespaces }: ContainerConfig): { ioUid?: number; ioGid?: number } =>
  namespaces.user === 'host' ? {} : { ioUid: namespaces.user.hostUid, ioGid: namespaces.user.hostGid };

const shimAddress = async (
  task: TaskKey,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
  stdin: Uint8Array | undefined,
): Promise<string> => {
  const printed = await runShimAction({
    binary: record.shim,
    args: [
      '-namespace',
      task.namespace,
      '-address',
      options.address,
      '-publish-binary',
      '',
      '-id',
      task.id,
      'start',
    ],
    bundle,
    ttrpcAddress: options.ttrpcAddress,
    stdin: stdin ?? new Uint8Array(),
    timeoutMs: timeouts.shimStart,
  });
  const address = printed.toString('utf8').trim();
  if (address === '' || address.includes('\n')) {
    throw new Rejection('unavailable', `shim ${record.shim} printed '${address}' instead of its address`);
  }
  return address;
};
