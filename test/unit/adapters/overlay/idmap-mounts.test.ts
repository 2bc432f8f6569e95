import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapLowerDirectories } from '../../../../src/adapters/overlay/idmap-lower.ts';
import { createMounter } from '../../../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../../../src/adapters/overlay/store.ts';
import { oneRange } from '../../../../src/domain/id-mapping.ts';
import { SnapshotId } from '../../../../src/domain/identity.ts';
import { missingHere } from '../../../support/machine.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const missing = missingHere({ root: true, programs: ['unshare', 'umount'] });
const range = { hostUid: 100_000, hostGid: 200_000, size: 65_536 };
const ids = oneRange(range);
const id = (text: string) => SnapshotId.parse(text);
const ownerOf = (path: string) => {
  const { uid, gid } = statSync(path);
  return `${uid}:${gid}`;
};

describe.skipIf(missing !== undefined)(`mounts under mapped ids${missing ? ` (${missing})` : ''}`, () => {
  let dir: ReturnType<typeof makeTempDir>;
  const mounter = createMounter();
  const storeAt = () => createOverlayStore({ directory: join(dir.path, 'overlayfs') });
  const fsOf = (name: string) => join(dir.path, 'overlayfs/snapshots', name, 'fs');
  const layer = async (name: string, files: Readonly<Record<string, readonly [number, number]>>) => {
    await storeAt().create(id(name), 'active');
    for (const [file, [uid, gid]] of Object.entries(files)) {
      writeFileSync(join(fsOf(name), file), name);
      chownSync(join(fsOf(name), file), uid, gid);
    }
  };
  const target = () => join(dir.path, 'target');

  beforeEach(() => {
    dir = makeTempDir('idmap', '/var/tmp');
    chmodSync(dir.path, 0o711);
  });
  afterEach(async () => {
    await mounter.unmount(target());
    expect(await mounter.under(dir.path)).toEqual([]);
    dir.remove();
  });

  it('show the layers under several ranges', async () => {
    await layer('low', { base: [0, 0], user: [133, 134] });
    const store = storeAt();
    const several = {
      uids: [
        { container: 0, host: 33, size: 100 },
        { container: 100, host: 100_000, size: 1000 },
      ],
      gids: [{ container: 0, host: 66, size: 1000 }],
    };
    await store.create(id('own'), 'active');
    await store.mapIds(id('own'), several);
    await mounter.mount(store.mounts(id('own'), [id('low')], true, several), target());
    expect(['', 'base', 'user'].map((name) => ownerOf(join(target(), name)))).toEqual([
      '33:66',
      '33:66',
      '100033:200',
    ]);
  });

  it('know a mapping that was recorded as one range', async () => {
    const store = storeAt();
    await store.create(id('own'), 'active');
    writeFileSync(join(dirname(fsOf('own')), 'idmap.json'), JSON.stringify(range));
    await store.mapIds(id('own'), ids);
    const other = oneRange({ ...range, size: 7 });
    await expect(store.mapIds(id('own'), other)).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('show the layers under them, store changes with the ids of the host, and leave one mount', async () => {
    await layer('low', { base: [0, 0], user: [33, 34] });
    await layer('high', { above: [1000, 1000] });
    const store = storeAt();
    await store.create(id('own'), 'active');
    await store.mapIds(id('own'), ids);
    const root = target();
    await mounter.mount(store.mounts(id('own'), [id('high'), id('low')], true, ids), root);
    expect(await mounter.under(dir.path)).toEqual([root]);
    expect([root, join(root, 'base'), join(root, 'user'), join(root, 'above')].map(ownerOf)).toEqual([
      '100000:200000',
      '100000:200000',
      '100033:200034',
      '101000:201000',
    ]);
    chownSync(join(root, 'user'), 100_005, 200_005);
    expect(ownerOf(join(fsOf('own'), 'user'))).toBe('100005:200005');
    expect(ownerOf(join(fsOf('low'), 'user'))).toBe('33:34');
    await mounter.unmount(root);
    expect(existsSync(root)).toBe(false);
  });

  it('show more layers than fit into a page of options', async () => {
    const names = Array.from({ length: 64 }, (_, index) => `${'deeplayer'.repeat(3)}${index}`);
    for (const [index, name] of names.entries()) await layer(name, { [`file${index}`]: [index, index] });
    const store = storeAt();
    await store.create(id('own'), 'active');
    await store.mapIds(id('own'), ids);
    await mounter.mount(store.mounts(id('own'), names.map(id), true, ids), target());
    expect(ownerOf(join(target(), 'file63'))).toBe('100063:200063');
  }, 30_000);

  it('show a view of one layer', async () => {
    await layer('low', { base: [5, 6] });
    await mounter.mount(storeAt().mounts(id('view'), [id('low')], false, ids), target());
    expect(ownerOf(join(target(), 'base'))).toBe('100005:200006');
    expect(() => writeFileSync(join(target(), 'new'), '')).toThrow(/EROFS/);
  });

  it('keep to the mapping that a snapshot was first mounted under', async () => {
    await layer('used', { file: [0, 0] });
    const store = storeAt();
    await expect(store.mapIds(id('used'), ids)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(/without a user namespace/),
    });
    await store.create(id('own'), 'active');
    await store.mapIds(id('own'), ids);
    chownSync(fsOf('own'), 100_007, 200_007);
    await storeAt().mapIds(id('own'), ids);
    expect(ownerOf(fsOf('own'))).toBe('100007:200007');
    await expect(storeAt().mapIds(id('own'), oneRange({ ...range, hostUid: 300_000 }))).rejects.toMatchObject(
      {
        code: 'failed-precondition',
        message: expect.stringMatching(
          /uidmap=0:100000:65536 gidmap=0:200000:65536, not uidmap=0:300000:65536/,
        ),
      },
    );
    await expect(store.mapIds(id('never'), ids)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('are taken away where a mount was cut short', async () => {
    await layer('low', { base: [0, 0] });
    mkdirSync(target());
    await mapLowerDirectories([`lowerdir=${fsOf('low')}`], target(), ids);
    expect((await mounter.under(target())).length).toBe(2);
    await mounter.unmount(target());
    expect(await mounter.under(dir.path)).toEqual([]);
    expect(existsSync(target())).toBe(false);
  });

  it('are taken away from beneath an overlay whose mount was cut short at its end', async () => {
    await layer('low', { base: [0, 0] });
    await storeAt().create(id('own'), 'active');
    mkdirSync(target());
    const options = storeAt().mounts(id('own'), [id('low')], true)[0]?.options ?? [];
    const { data } = await mapLowerDirectories(options, target(), ids);
    await mounter.mount([{ type: 'overlay', source: 'overlay', options: data }], target());
    await mounter.unmount(target());
    expect(await mounter.under(dir.path)).toEqual([]);
    expect(existsSync(target())).toBe(false);
  });

  it('wait for one that is under way', async () => {
    await layer('low', { base: [0, 0] });
    const store = storeAt();
    await store.create(id('own'), 'active');
    const mounted = mounter.mount(store.mounts(id('own'), [id('low')], true, ids), target());
    await Promise.all([mounted, mounter.unmount(target())]);
    expect(await mounter.under(dir.path)).toEqual([]);
  });

  it('are refused where the file system has none, and leave nothing', async () => {
    await layer('low', { base: [0, 0] });
    const below = join(dir.path, 'below');
    const bare = ['upper', 'work', 'lower'].map((name) => join(dir.path, name));
    for (const path of bare) mkdirSync(path);
    const [upper, work, lower] = bare;
    // overlayfs itself can't be mapped
    await mounter.mount(
      [
        {
          type: 'overlay',
          source: 'overlay',
          options: [`lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`],
        },
      ],
      below,
    );
    try {
      const store = createOverlayStore({ directory: join(below, 's') });
      for (const name of ['low', 'own']) await store.create(id(name), 'active');
      await expect(
        mounter.mount(store.mounts(id('own'), [id('low')], true, ids), target()),
      ).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(/idmapped mounts; keep the root directory on/),
      });
      expect(await mounter.under(target())).toEqual([]);
    } finally {
      await mounter.unmount(below);
    }
  });

  it('are refused where the mapped root could not reach them', async () => {
    await layer('low', { base: [0, 0] });
    const mounts = storeAt().mounts(id('view'), [id('low')], false, ids);
    chmodSync(dir.path, 0o710);
    await expect(mounter.mount(mounts, target())).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining(`may not pass through '${dir.path}'`),
    });
    chownSync(dir.path, 0, range.hostGid);
    await mounter.mount(mounts, target());
    expect(ownerOf(join(target(), 'base'))).toBe('100000:200000');
  });

  it('need no process to live on', async () => {
    await layer('low', { base: [0, 0] });
    await mounter.mount(storeAt().mounts(id('view'), [id('low')], false, ids), target());
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
    const names =
      children === '' ? '' : spawnSync('ps', ['-o', 'comm=', '-p', children.replaceAll(' ', ',')]).stdout;
    expect(names.toString()).not.toMatch(/^(?:cat|unshare)$/m);
  });
});
