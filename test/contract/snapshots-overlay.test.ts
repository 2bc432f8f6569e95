import { describe, it } from 'vitest';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { missingHere } from '../support/machine.ts';
import { snapshotContract } from './snapshots.ts';

const missing = missingHere({ root: true });
if (missing === undefined) {
  snapshotContract('overlay', (directory) => ({
    store: createOverlayStore({ directory }),
    mounter: createMounter(),
  }));
} else {
  describe.skip(`overlay: snapshots (${missing})`, () => it('mounts', () => undefined));
}
