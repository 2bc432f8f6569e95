import { parentPort, workerData } from 'node:worker_threads';
import { realDisk } from '../real-disk.ts';
import { buildSidecar, type SidecarJob } from './build-sidecar.ts';

/** The thread that makes sidecars: one job after the other, telling after each, and then it ends. */

/** What it tells: the segment that has a sidecar now, or why it can't have one. */
export interface SidecarNews {
  readonly segmentPath: string;
  readonly failure?: string;
}

const main = async (jobs: readonly SidecarJob[]): Promise<void> => {
  for (const job of jobs) {
    const { segmentPath } = job;
    try {
      await buildSidecar(realDisk, job);
      tell({ segmentPath });
    } catch (error) {
      tell({ segmentPath, failure: error instanceof Error ? error.message : String(error) });
    }
  }
};

const tell = (news: SidecarNews): void => parentPort?.postMessage(news);

void main(workerData as readonly SidecarJob[]);
