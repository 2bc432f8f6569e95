import { SnapshotterName } from '../../src/domain/identity.ts';
import type { SnapshotStore } from '../../src/engine/ports/snapshots.ts';
import type { Snapshotters } from '../../src/engine/ports/snapshotters.ts';

/** Snapshotters by name, all with their bytes here. */
export const localSnapshotters = (stores: Readonly<Record<string, SnapshotStore>>): Snapshotters => ({
  local: new Map(Object.entries(stores).map(([name, store]) => [SnapshotterName.parse(name), store])),
  remote: new Map(),
  absent: new Map(),
});
