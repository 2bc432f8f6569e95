import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBlobStore } from '../../src/adapters/blobs/store.ts';
import { describeBlobStore } from './blobs-contract.ts';

describeBlobStore('plain files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'shiplog-blobs-'));
  return {
    store: createBlobStore({ directory }),
    reopen: () => createBlobStore({ directory }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
});
