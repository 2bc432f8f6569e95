import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLayerDiffer } from '../../src/adapters/diff/differ.ts';
import { createNativeStore } from '../../src/adapters/native-snapshots/store.ts';
import { createMounter } from '../../src/adapters/overlay/mounter.ts';
import { createOverlayStore } from '../../src/adapters/overlay/store.ts';
import { createTreeOpener } from '../../src/adapters/overlay/tree-opener.ts';
import { createLayerApplier } from '../../src/adapters/unpack/applier.ts';
import { TarParser } from '../../src/adapters/unpack/tar-parser.ts';
import { SnapshotId } from '../../src/domain/identity.ts';
import type { Mount } from '../../src/domain/mount.ts';
import type { DiffOptions, DiffTrees } from '../../src/engine/ports/differ.ts';
import type { SnapshotStore } from '../../src/engine/ports/snapshots.ts';
import { GZIP_LAYER, PLAIN_LAYER, ZSTD_LAYER } from '../support/layers.ts';
import { missingHere } from '../support/machine.ts';
import { seededRandom } from '../support/random.ts';
import { changeRandomly, fillRandomTree } from '../support/random-tree.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { compareTrees, readTree, type Tree } from '../support/tree.ts';

const missing = missingHere({ root: true });
const seeds = process.env.SHIPLOG_SEED === undefined ? 12 : 1;
const firstSeed = Number(process.env.SHIPLOG_SEED ?? 1);

const id = (text: string) => SnapshotId.parse(text);

describe.skipIf(missing !== undefined)(`a layer of differences ${missing ?? ''}`, () => {
  let dir: ReturnType<typeof makeTempDir>;
  let closing: (() => Promise<unknown>)[];
  let mounted: string[];
  const mounter = createMounter();
  beforeEach(() => {
    dir = makeTempDir('differ', '/var/tmp');
    closing = [];
    mounted = [];
  });
  afterEach(async () => {
    for (const target of mounted) await mounter.unmount(target);
    for (const close of closing) await close();
    expect(await mounter.under(dir.path)).toEqual([]);
    dir.remove();
  });

  const folder = (name: string): string => {
    const path = join(dir.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const stores: Record<string, () => SnapshotStore> = {
    overlay: () => createOverlayStore({ directory: folder('overlay') }),
    native: () => createNativeStore({ directory: folder('native') }),
  };
  const trees = () => createTreeOpener({ mounter, directory: folder('trees') });
  const differs = () => {
    const both = {
      guided: createLayerDiffer({ trees: trees() }),
      plain: createLayerDiffer({ trees: trees(), guided: false }),
    };
    closing.push(() => Promise.all([both.guided.close(), both.plain.close()]));
    return both;
  };
  const see = async (mounts: readonly Mount[]): Promise<string> => {
    const target = folder(`seen-${mounted.length}`);
    mounted.push(target);
    await mounter.mount(mounts, target);
    return target;
  };
  const layerOf = async (
    differ: ReturnType<typeof createLayerDiffer>,
    which: DiffTrees,
    options: DiffOptions = { compression: 'none' },
  ) => {
    const diff = differ.diff(which, options);
    const pieces: Uint8Array[] = [];
    for await (const piece of diff.bytes) pieces.push(piece);
    return { bytes: Buffer.concat(pieces), diffId: diff.diffId() };
  };
  const applier = (processors = []) => {
    const made = createLayerApplier({ directory: folder('overlay'), workers: 1, trees: trees(), processors });
    closing.push(() => made.close());
    return made;
  };
  const fileOf = (bytes: Buffer, mediaType = PLAIN_LAYER) => {
    const path = join(dir.path, 'layer');
    writeFileSync(path, bytes);
    return { path, mediaType };
  };

  /** Two snapshots and a third on them: a base, changes to it, and again. */
  const history = async (store: SnapshotStore, seed: number) => {
    const random = seededRandom(seed);
    const ids = ['base', 'middle', 'top'].map(id);
    const states: Tree[] = [];
    for (const [at, each] of ids.entries()) {
      const parents = ids.slice(0, at).reverse();
      await store.create(each, 'active', parents);
      const target = await see(store.mounts(each, parents, true));
      if (at === 0) fillRandomTree(target, random, { entries: 50 });
      else changeRandomly(target, random, { times: 25 });
      states.push(readTree(target));
      await mounter.unmount(target);
    }
    const [base, middle, top] = ids as [SnapshotId, SnapshotId, SnapshotId];
    const view = (...parents: SnapshotId[]) => store.mounts(id('view'), parents, false);
    return {
      states,
      steps: [
        { lower: [], upper: view(base) },
        { lower: view(base), upper: view(middle, base) },
        { lower: view(middle, base), upper: store.mounts(top, [middle, base], true) },
      ] satisfies DiffTrees[],
    };
  };

  const namesIn = (layer: Buffer): ReadonlySet<string> => {
    const names = new Set<string>();
    const parser = new TarParser({
      entry: ({ name }) => names.add(name.replace(/\/$/, '')),
      data: () => undefined,
      end: () => undefined,
    });
    parser.push(layer);
    parser.finish();
    return names;
  };
  /** The root has metadata of its own. That a directory's time alone is another is no change, as in containerd. */
  const unlike = (wanted: Tree | undefined, got: Tree, names?: ReadonlySet<string>): readonly string[] =>
    compareTrees(wanted ?? new Map(), got, (path, field) => {
      if (path === '.') return field !== 'type';
      const directory = wanted?.get(path)?.type === 'directory';
      return field === 'mtime' && directory && names !== undefined && !names.has(path);
    });

  describe.each(Object.keys(stores))('of %s snapshots', (kind) => {
    it.each(Array.from({ length: seeds }, (_, at) => firstSeed + at))(
      'gives the same tree again when it is applied to what was before, and the same bytes however it is found (seed %i)',
      async (seed) => {
        const source = stores[kind]?.() ?? expect.fail();
        const { states, steps } = await history(source, seed);
        const { guided, plain } = differs();
        const unpacker = applier();
        const target = folder('rebuilt');
        const bind = [{ type: 'bind', source: target, options: ['rw', 'rbind'] }];
        for (const [at, step] of steps.entries()) {
          const layer = await layerOf(guided, step);
          const again = await layerOf(plain, step);
          expect(again.bytes.equals(layer.bytes), 'the same bytes').toBe(true);
          const applied = await unpacker.applyTo(fileOf(layer.bytes), bind);
          expect(applied).toEqual({ diffId: layer.diffId, size: layer.bytes.length });
          expect(unlike(states[at], readTree(target), namesIn(layer.bytes)), `step ${at}`).toEqual([]);
        }
      },
      60_000,
    );

    it('is small where little has changed', async () => {
      const store = stores[kind]?.() ?? expect.fail();
      await store.create(id('base'), 'active', []);
      const base = await see(store.mounts(id('base'), [], true));
      mkdirSync(join(base, 'etc/app'), { recursive: true });
      for (let at = 0; at < 50; at += 1) writeFileSync(join(base, `etc/app/file${at}`), 'x');
      await store.create(id('top'), 'active', [id('base')]);
      const top = await see(store.mounts(id('top'), [id('base')], true));
      execFileSync('rm', [join(top, 'etc/app/file7')]);
      writeFileSync(join(top, 'etc/app/new'), 'new');
      const lower = store.mounts(id('view'), [id('base')], false);
      const upper = store.mounts(id('top'), [id('base')], true);
      // mounted and written to at the same time, as a running container's root is
      const { bytes } = await layerOf(differs().guided, { lower, upper });
      const listed = execFileSync('tar', ['-tf', '-'], { input: bytes, encoding: 'utf8' });
      expect(listed).toBe('etc/\netc/app/\netc/app/.wh.file7\netc/app/new\n');
      const nothing = await layerOf(differs().guided, { lower: upper, upper });
      expect(nothing.bytes.length).toBe(1024);
    });
  });

  describe('compressed', () => {
    const sample = async () => {
      const source = folder('source');
      fillRandomTree(source, seededRandom(3), { entries: 40 });
      return { lower: [], upper: [{ type: 'bind', source, options: ['ro', 'rbind'] }] };
    };

    it.each([
      ['gzip', GZIP_LAYER],
      ['zstd', ZSTD_LAYER],
    ] as const)('with %s is the same each time, and the same tar', async (compression, mediaType) => {
      const which = await sample();
      const { guided } = differs();
      const plain = await layerOf(guided, which);
      const one = await layerOf(guided, which, { compression });
      expect(one.diffId).toBe(plain.diffId);
      expect(one.bytes.length).toBeLessThan(plain.bytes.length);
      expect((await layerOf(guided, which, { compression })).bytes.equals(one.bytes)).toBe(true);
      const target = folder('out');
      const onto = [{ type: 'bind', source: target, options: ['rw', 'rbind'] }];
      await applier().applyTo(fileOf(one.bytes, mediaType), onto);
      expect(unlike(readTree(folder('source')), readTree(target))).toEqual([]);
    });

    it('says that a layer can be read once, and what it is only then', async () => {
      const diff = differs().guided.diff(await sample(), { compression: 'none' });
      expect(() => diff.diffId()).toThrow(/known when its bytes have been read/);
    });
  });

  it('has no time later than it may have, whiteouts that one', async () => {
    const [before, after] = [folder('before'), folder('after')];
    writeFileSync(join(before, 'gone'), 'x');
    writeFileSync(join(after, 'late'), 'x');
    execFileSync('touch', ['-d', '@1000.5', join(after, 'early')]);
    const bind = (source: string) => [{ type: 'bind', source, options: ['ro', 'rbind'] }];
    const which = { lower: bind(before), upper: bind(after) };
    const listing = async (options: DiffOptions) =>
      execFileSync('tar', ['-tvf', '-', '--full-time', '--utc'], {
        input: (await layerOf(differs().guided, which, options)).bytes,
        encoding: 'utf8',
      });
    const clamped = await listing({ compression: 'none', latest: 86_400 });
    expect(clamped).toMatch(/1970-01-02 00:00:00 +\.wh\.gone\n/);
    expect(clamped).toMatch(/1970-01-02 00:00:00 +late\n/);
    expect(clamped).toMatch(/1970-01-01 00:16:40\.5 early\n/);
    expect(await listing({ compression: 'none' })).toMatch(/1970-01-01 00:00:00 +\.wh\.gone\n/);
  });

  it('of a tree that no layer can hold is refused by name', async () => {
    const source = folder('source');
    writeFileSync(join(source, '.wh.real'), 'x');
    const which = { lower: [], upper: [{ type: 'bind', source, options: ['ro', 'rbind'] }] };
    await expect(layerOf(differs().guided, which)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining("'.wh.real' has a name that means a removal"),
    });
  });

  it('of what can not be mounted is refused, and leaves nothing behind', async () => {
    const upper = [{ type: 'bind', source: '/nowhere/at/all', options: ['ro', 'rbind'] }];
    await expect(layerOf(differs().guided, { lower: [], upper })).rejects.toMatchObject({
      message: expect.stringMatching(/compare two trees: mount .*nowhere.*ENOENT/),
    });
  });

  it('leaves trees in no mount table, and what a crash left there goes with the next start', async () => {
    const source = folder('source');
    writeFileSync(join(source, 'here'), 'x');
    const bind = [{ type: 'bind', source, options: ['rw', 'rbind'] }];
    const opener = trees();
    const tree = await opener.open(bind, { readonly: true });
    expect(await mounter.under(dir.path)).toEqual([]);
    expect(readdirSync(`/proc/self/fd/${tree.descriptor}`)).toEqual(['here']);
    expect(() => writeFileSync(`/proc/self/fd/${tree.descriptor}/new`, 'x')).toThrow(/EROFS/);
    await tree.close();
    const left = folder('trees/t-left');
    await mounter.mount(bind, left);
    await opener.sweep();
    expect(await mounter.under(dir.path)).toEqual([]);
    expect(readdirSync(folder('trees'))).toEqual([]);
    expect(readdirSync(source)).toEqual(['here']);
  });

  it('that nobody waits for any more is given up', async () => {
    const source = folder('source');
    writeFileSync(join(source, 'large'), Buffer.alloc(64 * 1024 * 1024));
    const which = { lower: [], upper: [{ type: 'bind', source, options: ['ro', 'rbind'] }] };
    const { guided } = differs();
    for await (const piece of guided.diff(which, { compression: 'none' }).bytes) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    const stop = new AbortController();
    const reading = layerOf(guided, which, { compression: 'gzip', signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });
});
