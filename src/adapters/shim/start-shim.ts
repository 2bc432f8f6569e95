import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerConfig } from '../../domain/container-config.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { CreateTask } from '../../engine/ports/runtime.ts';
import { Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { FileType, mknod } from '../syscalls/node.ts';
import { type BundleRecord, makeBundle, runcRoot } from './bundle.ts';
import { copyShimLog } from './log-fifo.ts';
import type { ShimRuntimeOptions, ShimTimeouts } from './options.ts';
import { anyBytes, runcOptionsAny, takesRuncOptions } from './runc-options.ts';
import { Shim } from './shim.ts';
import { runShimAction } from './shim-binary.ts';
import { asStartFailure } from './start-failure.ts';

/** Makes the bundle, starts a shim in it and has it create the task. What is made stays when a step fails. */
export const startShim = async (
  request: CreateTask,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<{ shim: Shim; pid: number }> => {
  const { task, stdio } = request;
  await makeBundle(bundle, record);
  mknod(join(bundle, 'log'), FileType.fifo | 0o600);
  const specification = await options.specification.container(request, bundle);
  await writeFile(join(bundle, 'config.json'), specification, { mode: 0o600 });
  const closeLog = copyShimLog(bundle, task, options.logger);
  try {
    const runcOptions = takesRuncOptions(record.shim)
      ? runcOptionsAny({
          binaryName: record.runtimeBinary,
          root: runcRoot(options.stateDirectory),
          ...streamOwner(request.config),
        })
      : undefined;
    const address = await shimAddress(
      request,
      bundle,
      record,
      options,
      timeouts,
      runcOptions && anyBytes(runcOptions),
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
  request: CreateTask,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
  stdin: Uint8Array | undefined,
): Promise<string> => {
  const { task } = request;
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
