import type { World } from '../domain/world.ts';
import { blobRepairs, fileRepairs, ingestRepairs, snapshotRepairs } from './recover-bytes.ts';
import { taskRepairs } from './recover-tasks.ts';
import { transferRepairs } from './recover-transfers.ts';
import type { Found, Repair } from './repair.ts';

/** The difference between what the log says and what the host has, as things to set right. */
export const compare = (world: World, found: Found): readonly Repair[] => [
  ...taskRepairs(world, found),
  ...transferRepairs(world),
  ...snapshotRepairs(world, found),
  ...blobRepairs(world, found),
  ...ingestRepairs(world, found),
  ...fileRepairs(world, found),
];
