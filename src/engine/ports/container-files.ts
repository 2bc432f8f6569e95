import type { TaskKey } from './task-key.ts';

/**
 * What only one container has on disk, in a folder that root alone may look into: the values of its secret environment
 * variables, which never go into the log, and the file of its output (written by {@link file://./stdio.ts}).
 */
export interface ContainerFiles {
  /** On stable storage when this resolves. */
  keepSecrets(task: TaskKey, secrets: Readonly<Record<string, string>>): Promise<void>;
  /** Empty where none were kept. */
  readSecrets(task: TaskKey): Promise<Readonly<Record<string, string>>>;
  /** Containers that have files. */
  list(): Promise<readonly TaskKey[]>;
  /** Removes all files of a container; nothing happens where there are none. */
  remove(task: TaskKey): Promise<void>;
}
