import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { ClientMount } from '../../domain/client-order.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { TaskKey } from '../../engine/ports/runtime.ts';
import type { StdioPaths } from '../../engine/ports/stdio.ts';
import { Task } from '../../gen/containerd/task/v2/shim_pb.ts';
import { FileType, mknod } from '../syscalls/node.ts';
import { type BundleRecord, makeBundle } from './bundle.ts';
import { type Endpoint, parseEndpoint, writeEndpoint } from './endpoint.ts';
import { copyShimLog } from './log-fifo.ts';
import type { ShimRuntimeOptions, ShimTimeouts } from './options.ts';
import { anyBytes, mayPlaceShim } from './runc-options.ts';
import type { ServingShims } from './serving-shims.ts';
import { Shim } from './shim.ts';
import { runShimAction } from './shim-binary.ts';
import { asStartFailure } from './start-failure.ts';

const specificationFile = 'config.json';

/** A shim to be started, with a task to be created in it. */
export interface ShimJob {
  readonly task: TaskKey;
  /** For the shim's start and for the task; none for shims that take none of ours. */
  readonly options: Any | undefined;
  /** The text of the specification, and the streams, once both are there. */
  readonly specify: () => Promise<{ readonly text: string; readonly stdio: StdioPaths }>;
  /** Of the shim that has it, where that is there already; one is started when absent. */
  readonly endpoint?: Endpoint | undefined;
  /** To be mounted within the bundle: by the shim, or under mapped ids by us. */
  readonly rootfs: readonly ClientMount[];
  /** Folder with images of processes to go on from; one of ours is moved into the bundle, and goes with it. */
  readonly images?: { readonly folder: string; readonly ours: boolean } | undefined;
}

/** Writes the specification once what it tells of is there. @returns the streams */
const specify = async (job: ShimJob, bundle: string): Promise<StdioPaths> => {
  const { text, stdio } = await job.specify();
  const fresh = join(bundle, `${specificationFile}.new`);
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, join(bundle, specificationFile));
  return stdio;
};

/** The shim reads images when the task is started, which may be long after it was made. @returns where they are then */
const imagesIn = (bundle: string, images: ShimJob['images']): string => {
  if (images === undefined) return '';
  if (!images.ours) return images.folder;
  const folder = join(bundle, 'images');
  renameSync(images.folder, folder);
  return folder;
};

/** Both results, or the first failure once both have ended, so that nothing goes on behind the caller's back. */
const both = async <A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> => {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
};

/**
 * Makes the bundle, starts a shim in it and has it create the task. What is made stays when a step fails. The shim starts
 * on an empty specification (it looks for annotations there, of which we have none) while the real one is being made.
 * @param serving programs that need not be asked to `start`
 */
export const startShim = async (
  job: ShimJob,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
  serving: ServingShims,
): Promise<{ shim: Shim; pid: number }> => {
  const { task } = job;
  makeBundle(bundle, record);
  mknod(join(bundle, 'log'), FileType.fifo | 0o600);
  writeFileSync(join(bundle, specificationFile), '{}', { mode: 0o600 });
  const checkpoint = imagesIn(bundle, job.images);
  const closeLog = copyShimLog(bundle, task, options.logger);
  try {
    const there =
      job.endpoint ?? (isPlain(job, options) ? serving.serve(record.shim, task, bundle) : undefined);
    const [endpoint, stdio] = await both(
      there === undefined ? shimEndpoint(job, bundle, record, options, timeouts) : noted(there, bundle),
      specify(job, bundle),
    );
    const shim = await Shim.connect({ task, bundle, endpoint, timeouts }, closeLog, timeouts.connect);
    try {
      if (there === undefined && serving.isUnknown(record.shim)) {
        serving.look(record.shim, task, endpoint, await pidOf(shim));
      }
      const rootfs = await rootFor(job, bundle, record, options);
      const created = await shim.call(
        Task.method.create,
        {
          id: task.id,
          bundle,
          rootfs,
          checkpoint,
          ...stdio,
          ...(job.options ? { options: job.options } : {}),
        },
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

/** @returns what is left for the shim to mount */
const rootFor = async (
  { rootfs }: ShimJob,
  bundle: string,
  { mounted }: BundleRecord,
  { mounter }: ShimRuntimeOptions,
) => {
  if (mounted === undefined || mounter === undefined) {
    return rootfs.map((mount) => ({ ...mount, options: [...mount.options] }));
  }
  await mounter.mount(rootfs, join(bundle, 'rootfs'));
  return [];
};

const noted = async (endpoint: Endpoint, bundle: string): Promise<Endpoint> => {
  writeEndpoint(bundle, endpoint);
  return endpoint;
};

/** The shim's own word; undefined where it has none. */
const pidOf = async (shim: Shim): Promise<number | undefined> => {
  try {
    return (await shim.call(Task.method.connect, { id: shim.task.id })).shimPid;
  } catch (error) {
    if (isRejection(error) && error.code === 'unimplemented') return undefined;
    throw error;
  }
};

/** Whether nothing is asked of the shim's place that only its own `start` can give. */
const isPlain = (job: ShimJob, { coreScheduling }: ShimRuntimeOptions): boolean =>
  !coreScheduling && (job.options === undefined || !mayPlaceShim(job.options));

const shimEndpoint = async (
  { task, options: given }: ShimJob,
  bundle: string,
  record: BundleRecord,
  options: ShimRuntimeOptions,
  timeouts: ShimTimeouts,
): Promise<Endpoint> => {
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
    stdin: given === undefined ? new Uint8Array() : anyBytes(given),
    coreScheduling: options.coreScheduling,
    timeoutMs: timeouts.shimStart,
  });
  const endpoint = parseEndpoint(printed.toString('utf8'), record.shim);
  writeEndpoint(bundle, endpoint);
  return endpoint;
};
