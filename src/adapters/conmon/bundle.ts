import { type Dirent, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ContainerId, ExecId, Namespace, Timestamp } from '../../domain/identity.ts';
import type { Exit } from '../../engine/ports/runtime.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { hasCode } from '../syscalls/error.ts';
import { ProcessIdentity } from './process-identity.ts';

/**
 * The directory of one task, on a file system that a reboot empties. Everything is written before what it tells of
 * happens, so a daemon that starts again finds in it how the task is.
 *
 *     <state>/conmon/<namespace>/<id>/
 *       streams.json    what streams it has, and where its output is kept
 *       record.json     what deleting and purging need; with it there is a task
 *       config.json     OCI runtime specification
 *       keeper.json     its conmon, since just before that was let go
 *       pid             its process, by conmon
 *       process.json    the same, once this daemon was told
 *       started         there once the OCI runtime has started it
 *       exit/<id>       exit code in decimal, by conmon, when its process and its output are over
 *       oom             by conmon, when memory ran out
 *       attach ctl      conmon's socket and fifo
 *       logs            link to the folder of the container's output
 *       execs/<exec>/   the same of an extra process, with specification.json for its process
 */
const folder = 'conmon';

export const tasksOf = (stateDirectory: string): string => join(stateDirectory, folder);
export const bundlePath = (stateDirectory: string, { namespace, id }: TaskKey): string =>
  join(tasksOf(stateDirectory), namespace, id);
export const execPath = (bundle: string, execId: ExecId): string => join(bundle, 'execs', execId);
/** The OCI runtime's own folder for a namespace, which shims use too. @param root what is set; '' for the usual place */
export const runtimeRoot = (
  stateDirectory: string,
  { namespace }: Pick<TaskKey, 'namespace'>,
  root: string | undefined,
): string => join(root || join(stateDirectory, 'runc'), namespace);

export const StreamSettings = z.object({
  terminal: z.boolean(),
  stdin: z.boolean(),
  log: z.object({ path: z.string(), maxBytes: z.number(), maxFiles: z.number() }).optional(),
});
export type StreamSettings = z.infer<typeof StreamSettings>;

export const TaskRecord = z.object({
  version: z.literal(1),
  /** OCI runtime that made it. */
  runtimeBinary: z.string().min(1),
  /** Where that keeps what it has of the namespace. */
  runtimeRoot: z.string().startsWith('/'),
});
export type TaskRecord = z.infer<typeof TaskRecord>;

const files = {
  streams: { name: 'streams.json', shape: StreamSettings },
  record: { name: 'record.json', shape: TaskRecord },
  keeper: { name: 'keeper.json', shape: ProcessIdentity },
  process: { name: 'process.json', shape: ProcessIdentity },
} as const;
type Files = typeof files;

export const writePart = <N extends keyof Files>(
  directory: string,
  part: N,
  value: z.infer<Files[N]['shape']>,
  flag: 'w' | 'wx' = 'w',
): void => writeFileSync(join(directory, files[part].name), JSON.stringify(value), { mode: 0o600, flag });

const textIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
};

/** @returns undefined where it was never written, or a crash came into the middle of that */
export const readStreams = (directory: string): StreamSettings | undefined =>
  readPart(directory, 'streams', StreamSettings);
export const readRecord = (directory: string): TaskRecord | undefined =>
  readPart(directory, 'record', TaskRecord);
export const readKeeper = (directory: string): ProcessIdentity | undefined =>
  readPart(directory, 'keeper', ProcessIdentity);

export const readProcess = (directory: string): ProcessIdentity | undefined =>
  readPart(directory, 'process', ProcessIdentity);

const readPart = <T>(directory: string, part: keyof Files, shape: z.ZodType<T>): T | undefined => {
  const text = textIfThere(join(directory, files[part].name));
  return text ? shape.parse(JSON.parse(text)) : undefined;
};

export const hasRecord = (directory: string): boolean => existsSync(join(directory, files.record.name));

/** The process that conmon watches. */
export const readPid = (directory: string): number | undefined => {
  const pid = Number(textIfThere(join(directory, 'pid')) ?? '');
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
};

/** How the process ended, once conmon has told; its file appears whole. */
export const readExit = (directory: string, id: string): Exit | undefined => {
  const path = join(directory, 'exit', id);
  const text = textIfThere(path);
  if (text === undefined || text === '') return undefined;
  return { code: Number(text) & 0xff, at: Timestamp.parse(Math.floor(statSync(path).mtimeMs * 1000)) };
};

export const readSpecification = (bundle: string): string =>
  readFileSync(join(bundle, 'config.json'), 'utf8');

export const noteStarted = (bundle: string): void =>
  writeFileSync(join(bundle, 'started'), '', { mode: 0o600 });
export const wasStarted = (bundle: string): boolean => existsSync(join(bundle, 'started'));
export const sawOom = (bundle: string): boolean => existsSync(join(bundle, 'oom'));

export const makeDirectory = (directory: string): void => {
  mkdirSync(join(directory, 'exit'), { recursive: true, mode: 0o700 });
};
export const removeDirectory = (directory: string): void =>
  rmSync(directory, { recursive: true, force: true });

const entriesOf = async (path: string): Promise<readonly Dirent[]> => {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
};

/** Every task's directory. Names that are not ours to read as ids are passed over. */
export const listBundles = async (stateDirectory: string): Promise<readonly TaskKey[]> => {
  const root = tasksOf(stateDirectory);
  const found: TaskKey[] = [];
  for (const space of await entriesOf(root)) {
    const namespace = Namespace.safeParse(space.name);
    if (!namespace.success) continue;
    for (const entry of await entriesOf(join(root, space.name))) {
      const id = ContainerId.safeParse(entry.name);
      if (id.success) found.push({ namespace: namespace.data, id: id.data });
    }
  }
  return found;
};

export const listExecs = async (bundle: string): Promise<readonly ExecId[]> =>
  (await entriesOf(join(bundle, 'execs'))).flatMap((entry) => {
    const id = ExecId.safeParse(entry.name);
    return id.success ? [id.data] : [];
  });
