import type { TaskKey } from './task-key.ts';

/** Values of a container's secret environment variables: kept on disk for root alone, never in the log. */
export interface SecretStore {
  /** On stable storage when this resolves. */
  keep(task: TaskKey, secrets: Readonly<Record<string, string>>): Promise<void>;
  /** Empty where none were kept. */
  read(task: TaskKey): Promise<Readonly<Record<string, string>>>;
  /** Nothing happens where there are none. */
  remove(task: TaskKey): Promise<void>;
}
