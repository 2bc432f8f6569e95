import { isRunning } from '../domain/tasks.ts';
import type { World } from '../domain/world.ts';

/** How much of everything there is on a host. */
export interface Summary {
  readonly namespaces: number;
  readonly images: number;
  readonly containers: number;
  readonly running: number;
  readonly snapshots: number;
  readonly blobs: number;
  /** Writes of content under way. */
  readonly ingests: number;
  readonly leases: number;
  /** Pulls, pushes, imports and exports under way. */
  readonly transfers: number;
}

export const summaryOf = (world: World): Summary => {
  let running = 0;
  for (const task of world.task.values()) if (isRunning(task)) running += 1;
  return {
    namespaces: world.namespace.size,
    images: world.image.size,
    containers: world.container.byId.size,
    running,
    snapshots: world.snapshot.size,
    blobs: world.content.blobs.size,
    ingests: world.content.ingests.size,
    leases: world.lease.size,
    transfers: world.transfer.size,
  };
};
