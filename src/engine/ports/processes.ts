import type { ProcessView } from './api.ts';

/** Processes of the host, as /proc tells of them. */
export interface ProcessTable {
  /** Those of these that are still there. */
  read(pids: readonly number[]): Promise<readonly ProcessView[]>;
}
