import type { Disk } from '../disk.ts';
import { type BloomJob, buildBlooms } from './build-blooms.ts';
import { buildSidecar, type SidecarJob } from './build-sidecar.ts';

/** Everything that a log's indexes lack. */
export interface IndexJobs {
  readonly sidecars: readonly SidecarJob[];
  readonly blooms: BloomJob;
}

/** What has been made, or why it can't be. */
export interface IndexNews {
  /** Of a sidecar, or of the index of a stretch; absent for the filters. */
  readonly path?: string;
  readonly failure?: string;
}

/** Makes them one after the other, then the filters, telling after each. Keeps the processor: done in a thread. */
export const buildIndexes = async (
  disk: Disk,
  { sidecars, blooms }: IndexJobs,
  tell: (news: IndexNews) => void,
): Promise<void> => {
  const told = async (what: IndexNews, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
      tell(what);
    } catch (error) {
      tell({ ...what, failure: error instanceof Error ? error.message : String(error) });
    }
  };
  for (const job of sidecars) await told({ path: job.path }, () => buildSidecar(disk, job));
  await told({}, () => buildBlooms(disk, blooms));
};
