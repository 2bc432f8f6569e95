import type { ClientMount } from '../../domain/client-order.ts';
import type { ContainerConfig } from '../../domain/container-config.ts';
import type { SandboxId } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { ClientTask, TaskOrder } from '../../engine/ports/runtime.ts';
import { anyOf } from './any.ts';
import { type BundleRecord, runcRoot } from './bundle.ts';
import type { Endpoint } from './endpoint.ts';
import type { ShimRuntimeOptions } from './options.ts';
import { completedOptions, runcOptionsAny, takesRuncOptions } from './runc-options.ts';
import type { ShimJob } from './start-shim.ts';

/** The shim of a sandbox, which has the sandbox's tasks too. */
export interface SharedShim {
  readonly sandbox: SandboxId;
  readonly endpoint: Endpoint;
}

/** What a shim is to do, and what the bundle notes of it. */
export interface Work {
  readonly job: ShimJob;
  readonly record: BundleRecord;
}

/** A task of our own: the specification is made here. @param config with every namespace to join as a path */
export const ownWork = (
  request: TaskOrder,
  config: ContainerConfig,
  shim: string,
  bundle: string,
  options: ShimRuntimeOptions,
): Work => {
  const { task, runtime, rootfs } = request;
  const runtimeBinary = runtime.binary ?? options.runtimeBinary ?? 'runc';
  const { root, ...shimOptions } = ownOptions(options);
  const specify = async () => {
    const [secrets, stdio] = await Promise.all([request.secrets, request.stdio]);
    return {
      text: await options.specification.container({ ...request, config, secrets, stdio }, bundle),
      stdio,
    };
  };
  const ours = takesRuncOptions(shim)
    ? runcOptionsAny({ ...shimOptions, binaryName: runtimeBinary, root, ...streamOwner(config) })
    : undefined;
  return {
    job: { task, specify, rootfs: [], options: ours },
    record: { version: 1, shim, runtimeBinary, rootfs, ...rootNoted(root, options) },
  };
};

/** What every container's options say, where nobody says otherwise. */
const ownOptions = ({ stateDirectory, ...options }: ShimRuntimeOptions) => ({
  binaryName: options.runtimeBinary ?? 'runc',
  root: options.runtimeRoot || runcRoot(stateDirectory),
  shimCgroup: options.shimCgroup ?? '',
  noNewKeyring: options.noNewKeyring ?? false,
});

/** Where the OCI runtime keeps state, where that is not where it is sought by itself. */
const rootNoted = (root: string, { stateDirectory }: ShimRuntimeOptions): { runtimeRoot?: string } =>
  root === runcRoot(stateDirectory) ? {} : { runtimeRoot: root };

/** Pipes must belong to the container's root, or nobody in there could open /dev/stdout. */
const streamOwner = ({ namespaces }: ContainerConfig): { ioUid?: number; ioGid?: number } =>
  namespaces.user === 'host' ? {} : { ioUid: namespaces.user.hostUid, ioGid: namespaces.user.hostGid };

const imagesOf = (ours: string | undefined, theirs: string | undefined): ShimJob['images'] => {
  if (ours !== undefined) return { folder: ours, ours: true };
  return theirs === undefined ? undefined : { folder: theirs, ours: false };
};

/** Whether a mount is to show its files under the ids of a user namespace. */
const isMapped = ({ options }: ClientMount): boolean => options.some((option) => /^[ug]idmap=/.test(option));

/** A task of a client's: what it gave is handed on. */
export const clientWork = (
  { task, runtime, spec, order, images }: ClientTask,
  shim: string,
  bundle: string,
  options: ShimRuntimeOptions,
  shared?: SharedShim,
): Work => {
  if (!('json' in spec)) {
    throw new Rejection('invalid-argument', `the specification of container '${task.id}' is no JSON text`);
  }
  const ours = ownOptions(options);
  const given = order.options ?? runtime.options;
  const fallback = takesRuncOptions(shim) ? runcOptionsAny(ours) : undefined;
  const complete = given === undefined ? undefined : completedOptions(anyOf(given), ours);
  const { stdin, stdout, stderr, terminal, rootfs } = order;
  const { binaryName, root } = complete ?? ours;
  return {
    job: {
      task,
      specify: async () => ({ text: spec.json, stdio: { stdin, stdout, stderr, terminal } }),
      rootfs,
      endpoint: shared?.endpoint,
      options: complete?.any ?? fallback,
      // A client may say by the options where they are, as for criu itself.
      images: imagesOf(images, complete?.images),
    },
    record: {
      version: 1,
      shim,
      runtimeBinary: binaryName,
      rootfs: `${bundle}/rootfs`,
      ...rootNoted(root, options),
      ...(options.mounter !== undefined && rootfs.some(isMapped) ? { mounted: true } : {}),
      ...(shared === undefined ? {} : { sandbox: shared.sandbox }),
    },
  };
};
