import {
  type Dirent,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ContainerId, ExecId, Namespace, SandboxId } from '../../domain/identity.ts';
import type { TaskKey } from '../../engine/ports/runtime.ts';
import { hasCode } from '../syscalls/error.ts';

/**
 * The directory of one task, laid out as containerd's runtime v2 does. Its own record, written first and removed last,
 * is what makes a directory a bundle. It is on a file system that a reboot empties, so these small files are read and written
 * where the work is: a turn of the thread pool takes ten times longer.
 *
 *     <state>/io.containerd.runtime.v2.task/<namespace>/<id>/
 *       config.json        the OCI runtime specification
 *       rootfs/            empty unless the caller mounts there
 *       work/              runc's and criu's logs
 *       log                fifo, the shim's own log
 *       address            the shim's socket, written by shims of version 2
 *       images/            of processes to go on from, where there are some
 *       bootstrap.json     where and how the shim answers
 *       sandbox            in whose shim it runs, for containerd's tools; where it does
 *       shim-binary-path   which shim, for containerd's tools
 *       shiplog.json       what adopting and purging need
 *       execs/<id>         one empty file for each exec
 */

const tasksFolder = 'io.containerd.runtime.v2.task';
const recordFile = 'shiplog.json';

export const BundleRecord = z.object({
  version: z.literal(1),
  /** Absolute path of the shim's binary. */
  shim: z.string().startsWith('/'),
  /** OCI runtime that the shim calls. */
  runtimeBinary: z.string().min(1),
  rootfs: z.string(),
  /** Where its OCI runtime keeps state, where a client wants that elsewhere. */
  runtimeRoot: z.string().startsWith('/').optional(),
  /** The daemon mounted a client's root, as a shim could not: the daemon unmounts it. */
  mounted: z.literal(true).optional(),
  /** The sandbox whose shim has the task: that shim stays when the task goes. */
  sandbox: SandboxId.optional(),
});
export type BundleRecord = z.infer<typeof BundleRecord>;

export const bundlePath = (stateDirectory: string, task: TaskKey): string =>
  join(stateDirectory, tasksFolder, task.namespace, task.id);

/** runc keeps its state in a folder per namespace below this one; the shim adds the namespace itself. */
export const runcRoot = (stateDirectory: string): string => join(stateDirectory, 'runc');

/** @throws Error EEXIST where the directory already holds a bundle */
export const makeBundle = (path: string, record: BundleRecord): void => {
  mkdirSync(join(path, 'rootfs'), { recursive: true, mode: 0o711 });
  writeFileSync(join(path, recordFile), JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  const { sandbox } = record;
  if (sandbox !== undefined) writeFileSync(join(path, 'sandbox'), sandbox, { mode: 0o600 });
  mkdirSync(join(path, 'work'), { recursive: true, mode: 0o711 });
  writeFileSync(join(path, 'shim-binary-path'), record.shim, { mode: 0o600 });
};

/** @returns undefined where there is no bundle, or one whose record cannot be read */
export const readBundle = (path: string): BundleRecord | undefined => {
  const text = textIfThere(join(path, recordFile));
  if (text === undefined || text === '') return undefined;
  return BundleRecord.parse(JSON.parse(text));
};

export const readSpecification = (path: string): string => readFileSync(join(path, 'config.json'), 'utf8');

/**
 * Removes a bundle, without ever going into `rootfs`: where the caller still has a mount there, the directory stays
 * and is no bundle any more.
 */
export const removeBundle = async (path: string): Promise<void> => {
  for (const entry of entriesOf(path)) {
    if (entry.name === 'rootfs' || entry.name === recordFile) continue;
    const inside = join(path, entry.name);
    if (!entry.isDirectory()) ignoring(['ENOENT'], () => unlinkSync(inside));
    // Images of processes may be large.
    else await rm(inside, { recursive: true, force: true });
  }
  ignoring(['ENOENT', 'EBUSY', 'ENOTEMPTY'], () => rmdirSync(join(path, 'rootfs')));
  ignoring(['ENOENT'], () => unlinkSync(join(path, recordFile)));
  ignoring(['ENOENT', 'ENOTEMPTY'], () => rmdirSync(path));
};

/** Every bundle below the state directory. Names that are not ours to read as ids are passed over. */
export const listBundles = async (stateDirectory: string): Promise<readonly TaskKey[]> => {
  const root = join(stateDirectory, tasksFolder);
  const found: TaskKey[] = [];
  for (const space of await readdirIfThere(root)) {
    const namespace = Namespace.safeParse(space.name);
    if (!namespace.success) continue;
    for (const entry of await readdirIfThere(join(root, space.name))) {
      const id = ContainerId.safeParse(entry.name);
      if (id.success) found.push({ namespace: namespace.data, id: id.data });
    }
  }
  return found;
};

export const noteExec = (path: string, execId: ExecId): void => {
  mkdirSync(join(path, 'execs'), { recursive: true, mode: 0o700 });
  writeFileSync(join(path, 'execs', execId), '', { mode: 0o600 });
};

export const forgetExec = (path: string, execId: ExecId): void =>
  ignoring(['ENOENT'], () => unlinkSync(join(path, 'execs', execId)));

export const listExecs = async (path: string): Promise<readonly ExecId[]> =>
  (await readdirIfThere(join(path, 'execs'))).flatMap((entry) => {
    const id = ExecId.safeParse(entry.name);
    return id.success ? [id.data] : [];
  });

const ignoring = (codes: readonly string[], work: () => void): void => {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, ...codes)) throw error;
  }
};

const textIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
};

const readdirIfThere = async (path: string): Promise<Dirent[]> => {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
};

const entriesOf = (path: string): Dirent[] => {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
};
