import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import {
  type Info,
  Kind,
  Snapshots,
} from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let snapshots: ServiceClient<typeof Snapshots>;
beforeEach(async () => {
  served = await servedStore();
  snapshots = served.client(Snapshots);
});
afterEach(() => served[Symbol.asyncDispose]());

const snapshotter = 'overlayfs';
const prepare = async (key: string, parent = '', labels: Record<string, string> = {}) =>
  (await snapshots.prepare({ snapshotter, key, parent, labels })).mounts;
const view = async (key: string, parent = '') => (await snapshots.view({ snapshotter, key, parent })).mounts;
const commit = (name: string, key: string, labels: Record<string, string> = {}, parent = '') =>
  snapshots.commit({ snapshotter, name, key, labels, parent });
const stat = async (key: string) => (await snapshots.stat({ snapshotter, key })).info;
const layer = async (name: string, parent = '') => {
  const mounts = await prepare(`making ${name}`, parent);
  await commit(name, `making ${name}`);
  return mounts;
};
const list = async (...filters: string[]): Promise<readonly Info[]> => {
  const found: Info[] = [];
  for await (const { info } of snapshots.list({ snapshotter, filters })) found.push(...info);
  return found;
};
const keys = async (...filters: string[]) => (await list(...filters)).map(({ name }) => name);
const code = (code: string, message?: RegExp) =>
  message === undefined ? { code } : { code, message: expect.stringMatching(message) };

describe('mounts', () => {
  it('of one without a parent are a bind mount', async () => {
    const [mount, ...others] = await prepare('base');
    expect(others).toEqual([]);
    expect(mount).toMatchObject({ type: 'bind', options: ['rw', 'rbind'] });
    expect(existsSync(mount?.source ?? '')).toBe(true);
    expect((await view('look'))[0]).toMatchObject({ type: 'bind', options: ['ro', 'rbind'] });
  });

  it('of one on parents are an overlay, its options in the order of containerd', async () => {
    const [one] = await layer('one');
    const [active] = await prepare('two', 'one');
    expect(active).toMatchObject({ type: 'overlay', source: 'overlay' });
    expect(active?.options.map((option) => option.split('=')[0])).toEqual([
      'index',
      'workdir',
      'upperdir',
      'lowerdir',
    ]);
    expect(active?.options[3]).toBe(`lowerdir=${one?.source}`);
    await commit('both', 'two');
    const [seen] = await view('look', 'both');
    expect(seen?.options.map((option) => option.split('=')[0])).toEqual(['index', 'lowerdir']);
    expect(seen?.options[1]?.split(':')).toHaveLength(2);
  });

  it('of a view on a single layer are a bind mount of it', async () => {
    const [one] = await layer('one');
    expect(await view('look', 'one')).toMatchObject([
      { type: 'bind', source: one?.source, options: ['ro', 'rbind'] },
    ]);
  });

  it('are told again, but not for what is committed', async () => {
    const mounts = await prepare('base');
    expect((await snapshots.mounts({ snapshotter, key: 'base' })).mounts).toEqual(mounts);
    await commit('layer', 'base');
    await expect(snapshots.mounts({ snapshotter, key: 'layer' })).rejects.toMatchObject(
      code('failed-precondition'),
    );
    await expect(snapshots.mounts({ snapshotter, key: 'base' })).rejects.toMatchObject(
      code('not-found', /snapshot base does not exist: not found/),
    );
  });

  it('name 128 layers', async () => {
    let parent = '';
    for (let depth = 0; depth < 128; depth += 1) {
      await layer(`l${depth}`, parent);
      parent = `l${depth}`;
    }
    const [mount] = await prepare('top', parent);
    const lower = mount?.options.at(-1)?.slice('lowerdir='.length).split(':') ?? [];
    expect(lower).toHaveLength(128);
    // as containerd's clients shorten them, within the page that mount(2) takes
    const shortened = lower.map((path) => path.slice(path.indexOf('/snapshots/') + '/snapshots/'.length));
    const rest = (mount?.options.slice(0, -1) ?? []).join(',');
    expect(`${rest},lowerdir=${shortened.join(':')}`.length).toBeLessThan(2400);
  });
});

describe('a snapshot', () => {
  it('is made once under a key, on what is committed', async () => {
    await prepare('base');
    await expect(prepare('base')).rejects.toMatchObject(code('already-exists', /"base": already exists/));
    await expect(view('base')).rejects.toMatchObject(code('already-exists'));
    await expect(prepare('next', 'none')).rejects.toMatchObject(
      code('not-found', /parent snapshot none does not exist: not found/),
    );
    await expect(prepare('next', 'base')).rejects.toMatchObject(code('failed-precondition'));
    await expect(prepare('')).rejects.toMatchObject(code('invalid-argument'));
  });

  it('tells of itself', async () => {
    await layer('one');
    await prepare('two', 'one', { team: 'a' });
    expect(await stat('one')).toMatchObject({ name: 'one', parent: '', kind: Kind.COMMITTED, labels: {} });
    const info = await stat('two');
    expect(info).toMatchObject({ parent: 'one', kind: Kind.ACTIVE, labels: { team: 'a' } });
    expect(info?.createdAt?.seconds).toBeGreaterThan(0n);
    await view('three', 'one');
    expect((await stat('three'))?.kind).toBe(Kind.VIEW);
    await expect(stat('none')).rejects.toMatchObject(code('not-found'));
  });

  it('is committed under a name, with labels of its own', async () => {
    await prepare('key', '', { 'only.for/writing': 'yes' });
    await commit('name', 'key', { 'containerd.io/gc.root': 'now' });
    expect((await stat('name'))?.labels).toEqual({ 'containerd.io/gc.root': 'now' });
    await expect(stat('key')).rejects.toMatchObject(code('not-found'));
    await expect(commit('other', 'key')).rejects.toMatchObject(code('not-found'));
    await expect(commit('other', 'name')).rejects.toMatchObject(code('failed-precondition', /not active/));
    await view('look', 'name');
    await expect(commit('other', 'look')).rejects.toMatchObject(code('failed-precondition'));
    await prepare('again');
    await expect(commit('name', 'again')).rejects.toMatchObject(code('already-exists'));
  });

  it('is made when it is committed, another one than what was written to', async () => {
    await prepare('key');
    const written = await stat('key');
    expect(written?.updatedAt).toEqual(written?.createdAt);
    await commit('name', 'key');
    const made = await stat('name');
    expect(made?.createdAt).not.toEqual(written?.createdAt);
    expect(made?.updatedAt).toEqual(made?.createdAt);
  });

  it('is set down on a parent when it is committed, where it had none', async () => {
    await layer('one');
    await prepare('loose');
    await commit('two', 'loose', {}, 'one');
    expect((await stat('two'))?.parent).toBe('one');
    await prepare('bound', 'one');
    await expect(commit('three', 'bound', {}, 'two')).rejects.toMatchObject(code('failed-precondition'));
    await expect(commit('three', 'bound', {}, 'none')).rejects.toMatchObject(code('not-found'));
  });

  it('is removed when nothing is built on it', async () => {
    await layer('one');
    await prepare('two', 'one');
    const remove = (key: string) => snapshots.remove({ snapshotter, key });
    await expect(remove('one')).rejects.toMatchObject(
      code('failed-precondition', /cannot remove snapshot with child: failed precondition/),
    );
    await remove('two');
    await remove('one');
    await expect(remove('one')).rejects.toMatchObject(code('not-found'));
  });

  it('has its labels changed, and nothing else', async () => {
    await layer('one');
    const update = (labels: Record<string, string>, ...paths: string[]) =>
      snapshots.update({ snapshotter, info: { name: 'one', labels }, updateMask: { paths } });
    expect((await update({ a: '1', b: '2' })).info?.labels).toEqual({ a: '1', b: '2' });
    expect((await update({ a: '3' }, 'labels.a')).info?.labels).toEqual({ a: '3', b: '2' });
    expect((await update({}, 'labels.b')).info?.labels).toEqual({ a: '3' });
    expect((await update({ c: '1' }, 'labels')).info?.labels).toEqual({ c: '1' });
    await expect(update({}, 'parent')).rejects.toMatchObject(code('invalid-argument'));
    await expect(update({}, 'kind')).rejects.toMatchObject(code('invalid-argument'));
    await expect(
      snapshots.update({ snapshotter, info: { name: 'none', labels: { a: '1' } } }),
    ).rejects.toMatchObject(code('not-found'));
  });

  it('takes what it takes: measured while it is written to, remembered afterwards', async () => {
    const [mount] = await prepare('base');
    const usage = (key: string) => snapshots.usage({ snapshotter, key });
    const empty = await usage('base');
    mkdirSync(join(mount?.source ?? '', 'bin'));
    writeFileSync(join(mount?.source ?? '', 'bin/tool'), Buffer.alloc(100_000, 1));
    const written = await usage('base');
    expect(written.inodes).toBe(empty.inodes + 2n);
    expect(written.size).toBeGreaterThanOrEqual(100_000n);
    await commit('layer', 'base');
    expect((await usage('layer')).inodes).toBe(written.inodes);
    await view('look', 'layer');
    expect(await usage('look')).toMatchObject({ size: 0n, inodes: 0n });
    await expect(usage('none')).rejects.toMatchObject(code('not-found'));
  });
});

describe('a list', () => {
  it('is told in batches', async () => {
    for (let at = 0; at < 250; at += 1) await prepare(`s${at}`);
    const batches: number[] = [];
    for await (const { info } of snapshots.list({ snapshotter })) batches.push(info.length);
    expect(batches).toEqual([100, 100, 50]);
  });

  it('holds what filters let through, of this namespace', async () => {
    await layer('one');
    await prepare('two', 'one', { team: 'a' });
    await view('three', 'one');
    await served.client(Snapshots, { namespace: 'other' }).prepare({ snapshotter, key: 'elsewhere' });
    expect(await keys()).toEqual(['one', 'three', 'two']);
    expect(await keys('kind==committed')).toEqual(['one']);
    expect(await keys('parent==one', 'name==one')).toEqual(['one', 'three', 'two']);
    expect(await keys('parent==one,labels.team==a')).toEqual(['two']);
    expect(await keys('name~=^t')).toEqual(['three', 'two']);
    await expect(keys('name=')).rejects.toMatchObject(code('invalid-argument', /invalid argument$/));
  });
});

it('says no to a snapshotter that is not there', async () => {
  await expect(snapshots.stat({ snapshotter: 'zfs', key: 'a' })).rejects.toMatchObject(
    code('invalid-argument', /snapshotter not loaded: zfs: invalid argument/),
  );
  await expect(snapshots.stat({ key: 'a' })).rejects.toMatchObject(
    code('invalid-argument', /snapshotter argument missing/),
  );
  await snapshots.cleanup({ snapshotter });
  await expect(snapshots.cleanup({ snapshotter: 'zfs' })).rejects.toMatchObject(code('invalid-argument'));
});

it('puts what a call makes under its lease, in the same batch', async () => {
  const leases = served.client(Leases);
  await leases.create({ id: 'l' });
  const held = served.client(Snapshots, { lease: 'l' });
  const resources = async () => (await leases.listResources({ id: 'l' })).resources.map(({ id }) => id);
  await held.prepare({ snapshotter, key: 'key' });
  expect(await resources()).toEqual(['key']);
  await held.commit({ snapshotter, name: 'name', key: 'key' });
  expect(await resources()).toEqual(['name']);
  await held.remove({ snapshotter, key: 'name' });
  expect(await resources()).toEqual([]);
  const strange = served.client(Snapshots, { lease: 'none' });
  await expect(strange.prepare({ snapshotter, key: 'key' })).rejects.toMatchObject(code('not-found'));
  await expect(stat('key')).rejects.toMatchObject(code('not-found'));
});

it('needs a namespace', async () => {
  const nowhere = served.client(Snapshots, { namespace: '' });
  await expect(nowhere.stat({ snapshotter, key: 'a' })).rejects.toMatchObject(
    code('failed-precondition', /namespace is required/),
  );
});
