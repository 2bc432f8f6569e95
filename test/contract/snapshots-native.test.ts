import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createNativeStore } from '../../src/adapters/native-snapshots/store.ts';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import { missingHere } from '../support/machine.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { snapshotContract } from './snapshots.ts';

const missing = missingHere({ root: true });
if (missing === undefined) {
  snapshotContract('native', (directory) => ({
    store: createNativeStore({ directory }),
    mounter: createMounter(),
  }));
} else {
  describe.skip(`native: snapshots (${missing})`, () => it('copies', () => undefined));
}

describe('a native store', () => {
  const id = (text: string) => SnapshotId.parse(text);

  it('says that there is nothing to copy', async () => {
    const dir = makeTempDir('native');
    const store = createNativeStore({ directory: dir.path });
    const created = store.create(id('top'), 'active', [id('gone')]);
    await expect(created).rejects.toMatchObject({ code: 'not-found', message: /'top' on 'gone'/ });
    expect(await store.list()).toEqual([]);
    dir.remove();
  });

  it('lists a copy that was cut short, so that it is swept, and begins it anew', async () => {
    const dir = makeTempDir('native');
    const store = createNativeStore({ directory: dir.path });
    await store.create(id('base'), 'active', []);
    writeFileSync(join(dir.path, 'snapshots/base/whole'), 'x');
    mkdirSync(join(dir.path, 'making/top'));
    writeFileSync(join(dir.path, 'making/top/half'), 'x');
    expect([...(await store.list())].sort()).toEqual(['base', 'top']);
    await store.create(id('top'), 'active', [id('base')]);
    expect(readdirSync(join(dir.path, 'snapshots/top'))).toEqual(['whole']);
    mkdirSync(join(dir.path, 'making/other'));
    await store.remove(id('other'));
    expect([...(await store.list())].sort()).toEqual(['base', 'top']);
    dir.remove();
  });
});
