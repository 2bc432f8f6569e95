import { type ContainerRequest, containerConfig } from '../domain/container-request.ts';
import { type Container, findContainer } from '../domain/containers.ts';
import { findBlob } from '../domain/content.ts';
import type {
  ContainerId,
  Descriptor,
  Namespace,
  Position,
  SnapshotId,
  SnapshotKey,
} from '../domain/identity.ts';
import type { Image } from '../domain/images.ts';
import { gcLabels } from '../domain/labels.ts';
import { ImageConfig } from '../domain/oci-image.ts';
import { Rejection } from '../domain/rejection.ts';
import { findSnapshot } from '../domain/snapshots.ts';
import { findTask, isOnHost } from '../domain/tasks.ts';
import type { Command, World } from '../domain/world.ts';
import { readDocument } from './documents.ts';
import type { Ending, TaskAddress } from './effects.ts';
import { dispatch, look, perform, type Workflow } from './steps.ts';
import { cleanUp, requestsOf, stop } from './task.ts';
import { overlayfs } from './unpack.ts';

export interface CreateRequest {
  readonly namespace: Namespace;
  readonly image: Image;
  /** The image's configuration here: its descriptor as the manifest gives it. */
  readonly imageConfig: Descriptor;
  /** Made up when absent. */
  readonly name?: string;
  readonly request: ContainerRequest;
  /** Values for `request.secretEnv`; kept in a file, never in the log. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly runtime: { readonly name: string; readonly binary?: string };
  readonly removeOnExit: boolean;
  /** Also log the intent to run it, in the same batch. */
  readonly run: boolean;
}

/**
 * Makes a container: its writable root, then one batch with the root, the record and, for `run`, the intent.
 * @returns its id and name, and where the batch ends in the log: what follows is caused by that
 */
export function* createContainer(
  input: CreateRequest,
): Workflow<{ id: ContainerId; name: string; last: Position | undefined }> {
  const { namespace, image, request } = input;
  const id = (yield* perform('fresh-name', { kind: 'hex64' })) as ContainerId;
  const name = (input.name ?? (yield* perform('fresh-name', { kind: 'spoken' }))) as ContainerId;
  const document = yield* readDocument(input.imageConfig, ImageConfig);
  const config = containerConfig(request, document, id);
  if (config instanceof Rejection) throw config;
  const parent = yield* topSnapshot(input);
  if (request.secretEnv.length > 0) yield* perform('keep-secrets', { namespace, id, secrets: input.secrets });
  const root = (yield* perform('fresh-name', { kind: 'brief' })) as SnapshotId;
  const snapshotKey = id as string as SnapshotKey;
  yield* perform('make-snapshot', { id: root, kind: 'active' });
  const at = { namespace, snapshotter: overlayfs, key: snapshotKey };
  const commands: Command[] = [
    { type: 'prepare-snapshot', ...at, id: root, kind: 'active', labels: {}, ...(parent ? { parent } : {}) },
    {
      type: 'create-container',
      namespace,
      id,
      name,
      image: { name: image.name, digest: image.target.digest },
      snapshotter: overlayfs,
      snapshotKey,
      runtime: input.runtime,
      config,
      labels: { ...document.config?.Labels, ...request.labels },
      removeOnExit: input.removeOnExit,
    },
  ];
  if (input.run) commands.push(...requestsOf({ namespace, id }));
  try {
    const facts = yield* dispatch(...commands);
    return { id, name, last: facts.at(-1)?.position };
  } catch (error) {
    yield* perform('remove-snapshot-bytes', { snapshotter: overlayfs, id: root });
    yield* perform('remove-container-files', { namespace, id });
    throw error;
  }
}

/** The unpacked image: the snapshot that its configuration keeps. Undefined for an image without layers. */
function* topSnapshot({ namespace, image, imageConfig }: CreateRequest): Workflow<SnapshotKey | undefined> {
  const world = yield* look();
  const blob = findBlob(world.content, namespace, imageConfig.digest);
  const key = blob?.labels[`${gcLabels.snapshot}${overlayfs}`] as SnapshotKey | undefined;
  if (key === undefined) return undefined;
  if (findSnapshot(world.snapshot, { namespace, snapshotter: overlayfs, key })) return key;
  throw new Rejection('failed-precondition', `image '${image.name}' is not unpacked; pull it again`);
}

/** Removes a container and its root; `force` ends its task first. */
export function* removeContainer(task: TaskAddress, force: boolean): Workflow<void> {
  const { namespace, id } = task;
  const before = findTask((yield* look()).task, namespace, id);
  if (force && before && isOnHost(before)) {
    yield* stop({ ...task, signal: 9 });
  }
  const { state } = findTask((yield* look()).task, namespace, id) ?? {};
  if (state?.status === 'stopped') yield* cleanUp(task);
  const world = yield* look();
  const container = findContainer(world.container, namespace, id);
  // One that is removed after its exit goes by itself, too: whoever comes second finds the work done.
  if (!container) return;
  const root = rootOf(world, container);
  yield* dispatch({ type: 'remove-container', namespace, id }, ...(root ? [root] : []));
  yield* perform('remove-container-files', task);
}

/** The command that removes a container's writable root; none where it is gone. */
const rootOf = (world: World, container: Container): Command | undefined => {
  // A client made its root itself: it removes it, or leaves it to the collector.
  if (container.made === 'client') return undefined;
  const root = findSnapshot(world.snapshot, { ...container, key: container.snapshotKey });
  if (!root) return undefined;
  const { namespace, snapshotter, key } = root;
  return { type: 'remove-snapshot', namespace, snapshotter, key, cause: { by: 'request' } };
};

/**
 * Records the exit of a container's process. One that is to go with its exit goes in the same batch, so that whoever waits
 * for it waits for no more; what it used is freed after that, as all bytes are.
 */
export function* recordEnd(task: TaskAddress, { code, at }: Ending): Workflow<void> {
  const { namespace, id } = task;
  const exit: Command = { type: 'record-exit', namespace, id, exitCode: code, exitedAt: at };
  const container = findContainer((yield* look()).container, namespace, id);
  if (!container?.removeOnExit) {
    yield* dispatch(exit);
    return;
  }
  yield* dispatch(exit, { type: 'remove-container', namespace, id });
  yield* perform('tear-down-task', task);
  const root = rootOf(yield* look(), container);
  if (root) yield* dispatch(root);
  yield* perform('remove-container-files', task);
}
