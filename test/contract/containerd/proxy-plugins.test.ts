import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteDiffer } from '../../../src/adapters/proxy-plugins/differ.ts';
import { createRemoteSnapshotter } from '../../../src/adapters/proxy-plugins/snapshotter.ts';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { SnapshotterName } from '../../../src/domain/identity.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import { daemonActor } from '../../../src/engine/origin.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Diff } from '../../../src/gen/containerd/services/diff/v1/diff_pb.ts';
import { Introspection } from '../../../src/gen/containerd/services/introspection/v1/introspection_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Kind, Snapshots } from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { ContentStream, digestOf } from '../../support/content-writer.ts';
import { PLAIN_LAYER } from '../../support/layers.ts';
import { missingHere } from '../../support/machine.ts';
import { file, tarOf } from '../../support/tar.ts';

const missing = missingHere({ root: true });
const snapshotter = 'elsewhere';

describe.skipIf(missing !== undefined)(`proxy plugins ${missing ?? ''}`, () => {
  /** Another daemon, which serves its own snapshotter under the name that ours knows it by. */
  let other: ServedStore;
  let ours: ServedStore;
  let there: ServiceClient<typeof Snapshots>;
  let snapshots: ServiceClient<typeof Snapshots>;
  let closing: { close(): void }[];
  const plugins = (address: string) => {
    const remote = createRemoteSnapshotter({ name: snapshotter, address });
    const differ = createRemoteDiffer({ name: 'theirs', address });
    closing.push(remote, differ);
    return {
      remote: new Map([[SnapshotterName.parse(snapshotter), remote]]),
      differs: new Map([['theirs', differ]]),
    };
  };
  beforeEach(async () => {
    closing = [];
    const processors = [
      {
        id: 'x',
        accepts: ['application/vnd.example.x'],
        returns: PLAIN_LAYER,
        path: 'cat',
        args: [],
        env: [],
      },
    ];
    other = await servedStore({ snapshotter, processors });
    ours = await servedStore(plugins(other.address));
    await started(ours);
    there = other.client(Snapshots);
    snapshots = ours.client(Snapshots);
  });
  afterEach(async () => {
    for (const each of closing) each.close();
    await Promise.all([ours[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
  });

  /** As a daemon that has begun, with an id of its host. */
  const started = async ({ ledger }: ServedStore): Promise<void> => {
    const cause = { actor: daemonActor(process.pid, process.execPath), correlation: 'start' };
    const start = { type: 'start-daemon', version: '0', freshHostId: 'ours', pid: process.pid } as const;
    await ledger.dispatch([start], cause);
  };
  const prepare = async (key: string, parent = '', labels: Record<string, string> = {}) =>
    (await snapshots.prepare({ snapshotter, key, parent, labels })).mounts;
  const namesThere = async () => {
    const names: string[] = [];
    for await (const { info } of there.list({ snapshotter })) names.push(...info.map(({ name }) => name));
    return names;
  };
  const recorded = async () => {
    const types: string[] = [];
    for await (const batch of ours.log.read({})) types.push(...batch.map(({ type }) => type));
    return types.filter((type) => type.startsWith('snapshot-'));
  };

  it('keep the bytes, while the records are in our log', async () => {
    const [mount] = await prepare('base', '', { 'containerd.io/snapshot/x': 'y', own: 'z' });
    expect(mount).toMatchObject({ type: 'bind', options: ['rbind', 'rw'] });
    writeFileSync(join(mount?.source ?? '', 'file'), 'x'.repeat(5000));
    expect((await snapshots.usage({ snapshotter, key: 'base' })).inodes).toBe(2n);
    await snapshots.commit({ snapshotter, key: 'base', name: 'layer' });
    expect((await snapshots.stat({ snapshotter, key: 'layer' })).info?.kind).toBe(Kind.COMMITTED);
    const [top] = await prepare('top', 'layer');
    expect((await snapshots.mounts({ snapshotter, key: 'top' })).mounts[0]).toEqual(top);
    const [seen] = (await snapshots.view({ snapshotter, key: 'look', parent: 'layer' })).mounts;
    expect(seen?.options).toEqual(['rbind', 'ro']);
    expect((await namesThere()).map((name) => name.replace(/^default\/[0-9a-z]{12}\//, ''))).toEqual([
      'layer',
      'top',
      'look',
    ]);
    await snapshots.remove({ snapshotter, key: 'top' });
    await snapshots.cleanup({ snapshotter });
    await expect.poll(namesThere).toHaveLength(0);
    expect(await recorded()).toEqual([
      'snapshot-prepared',
      'snapshot-committed',
      'snapshot-prepared',
      'snapshot-prepared',
      'snapshot-removed',
      'snapshot-removed',
      'snapshot-removed',
    ]);
  });

  it('hand on the labels that snapshotters read, and no others', async () => {
    await prepare('base', '', { 'containerd.io/snapshot/x': 'y', own: 'z' });
    const [name = ''] = await namesThere();
    const { info } = await there.stat({ snapshotter, key: name });
    expect(Object.keys(info?.labels ?? {}).sort()).toEqual([
      'containerd.io/gc.root',
      'containerd.io/snapshot/x',
      'shiplog/host',
    ]);
  });

  it('commit once, also where the event of the first try never came', async () => {
    await prepare('base');
    const [key = ''] = await namesThere();
    await there.commit({ snapshotter, key, name: key.replace(/base$/, 'layer') });
    await snapshots.commit({ snapshotter, key: 'base', name: 'layer' });
    expect((await snapshots.stat({ snapshotter, key: 'layer' })).info?.kind).toBe(Kind.COMMITTED);
  });

  it('lose what no record names, and nothing of others', async () => {
    const { info } = await (async () => {
      await prepare('kept');
      const [name = ''] = await namesThere();
      return there.stat({ snapshotter, key: name });
    })();
    const labels = info?.labels ?? {};
    await there.prepare({ snapshotter, key: 'default/garbage/a', labels });
    await there.commit({ snapshotter, key: 'default/garbage/a', name: 'default/garbage/b', labels });
    await there.prepare({ snapshotter, key: 'default/garbage/c', parent: 'default/garbage/b', labels });
    const theirs = { 'containerd.io/gc.root': 'theirs', 'shiplog/host': 'theirs' };
    await there.prepare({ snapshotter, key: 'of-another-daemon', labels: theirs });
    await snapshots.cleanup({ snapshotter });
    // what nothing refers to in our namespace went with the collection
    await expect.poll(namesThere).toEqual(['of-another-daemon']);
  });

  describe('with layers of their own', () => {
    const layer = 'sha256:aa';
    /** A snapshotter that fetches a layer by itself when a client is about to make it. */
    const lazy = async () => {
      const plain = createRemoteSnapshotter({ name: snapshotter, address: other.address });
      const knowing: typeof plain = {
        ...plain,
        prepare: async (snapshot, call) => {
          const wanted = snapshot.labels['containerd.io/snapshot.ref'];
          if (wanted === undefined) return plain.prepare(snapshot, call);
          await plain.prepare(snapshot, call);
          const { key, labels } = snapshot;
          await plain.commit({ key, name: wanted, parent: '', labels }, call);
          throw new Rejection('already-exists', `target snapshot "${wanted}": already exists`);
        },
      };
      closing.push(plain);
      const served = await servedStore({ remote: new Map([[SnapshotterName.parse(snapshotter), knowing]]) });
      await started(served);
      return served;
    };

    it('say so, and the layer is there, to be built on, and kept by what refers to it', async () => {
      await using served = await lazy();
      const client = served.client(Snapshots);
      const labels = { 'containerd.io/snapshot.ref': layer, 'containerd.io/gc.root': 'now' };
      const asked = client.prepare({ snapshotter, key: 'extract', labels });
      await expect(asked).rejects.toMatchObject({ code: 'already-exists' });
      const { info } = await client.stat({ snapshotter, key: layer });
      expect(info).toMatchObject({ kind: Kind.COMMITTED, parent: '' });
      await expect(client.stat({ snapshotter, key: 'extract' })).rejects.toMatchObject({ code: 'not-found' });
      const { mounts } = await client.prepare({ snapshotter, key: 'top', parent: layer });
      expect(mounts[0]).toMatchObject({ type: 'bind' });
      const again = client.prepare({ snapshotter, key: 'again', labels });
      await expect(again).rejects.toMatchObject({ code: 'already-exists' });
      await client.cleanup({ snapshotter });
      expect(await namesThere()).toContain(layer);
      await client.remove({ snapshotter, key: layer });
      await client.cleanup({ snapshotter });
      expect(await namesThere()).toEqual([]);
    });
  });

  it('set a layer down on another one where the configuration says that they can', async () => {
    const name = SnapshotterName.parse('layered');
    await using far = await servedStore({ overlay: name });
    const able = createRemoteSnapshotter({ name, address: far.address, capabilities: ['rebase'] });
    const unable = createRemoteSnapshotter({ name, address: far.address });
    closing.push(able, unable);
    await using near = await servedStore({ remote: new Map([[name, able]]) });
    await using shy = await servedStore({ remote: new Map([[name, unable]]) });
    await Promise.all([started(near), started(shy)]);
    const [one, other] = [near.client(Snapshots), shy.client(Snapshots)];
    const make = async (client: typeof one, key: string) => {
      const { mounts } = await client.prepare({ snapshotter: name, key });
      const upper = mounts[0]?.options.find((option) => option.startsWith('upperdir='))?.slice(9);
      writeFileSync(join(upper ?? mounts[0]?.source ?? '', key), key);
    };
    for (const client of [one, other]) {
      await make(client, 'a');
      await client.commit({ snapshotter: name, key: 'a', name: 'below' });
      await make(client, 'b');
    }
    await one.commit({ snapshotter: name, key: 'b', name: 'above', parent: 'below' });
    expect((await one.stat({ snapshotter: name, key: 'above' })).info?.parent).toBe('below');
    const told: string[] = [];
    for await (const { info } of far.client(Snapshots).list({ snapshotter: name })) {
      told.push(...info.filter((each) => each.name.endsWith('above')).map(({ parent }) => parent));
    }
    expect(told).toEqual([expect.stringMatching(/\/below$/)]);
    await expect(
      other.commit({ snapshotter: name, key: 'b', name: 'above', parent: 'below' }),
    ).rejects.toMatchObject({ code: 'unimplemented', message: expect.stringMatching(/'rebase'/) });
    const { plugins: able1 } = await near.client(Introspection).plugins({ filters: ['id==layered'] });
    expect(able1).toMatchObject([{ capabilities: ['rebase'], exports: { address: far.address } }]);
  });

  it('take back what a refused call had made', async () => {
    const strange = ours.client(Snapshots, { lease: 'none' });
    await expect(strange.prepare({ snapshotter, key: 'a' })).rejects.toMatchObject({ code: 'not-found' });
    expect(await namesThere()).toEqual([]);
  });

  it('fail in their own words after their name', async () => {
    await prepare('base');
    const [key = ''] = await namesThere();
    await there.remove({ snapshotter, key });
    await expect(snapshots.mounts({ snapshotter, key: 'base' })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/snapshotter 'elsewhere' \(proxy plugin at .*\): .*not found/),
    });
    await expect(
      snapshots.commit({ snapshotter, key: 'base', name: 'layer', parent: 'x' }),
    ).rejects.toMatchObject({ code: 'not-found' });
  });

  it('that are down say so by name, and are there again when they are up', async () => {
    const nobody = await servedStore(plugins('/run/shiplog-nobody.sock'));
    const down = nobody.client(Snapshots);
    await expect(down.prepare({ snapshotter, key: 'a' })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /snapshotter 'elsewhere' \(proxy plugin at \/run\/shiplog-nobody\.sock\) can not be reached/,
      ),
    });
    await nobody.client(Leases).create({ id: 'others-work' });
    const { plugins: listed } = await nobody.client(Introspection).plugins({ filters: ['id==elsewhere'] });
    expect(listed).toMatchObject([{ type: 'io.containerd.snapshotter.v1', id: 'elsewhere' }]);
    const found = await nobody.client(Introspection).plugins({ filters: ['id==theirs'] });
    expect(found.plugins).toMatchObject([{ type: 'io.containerd.differ.v1', id: 'theirs' }]);
    await nobody[Symbol.asyncDispose]();
  });

  it('with content are listed beside our own, which goes on being the one that is used', async () => {
    const facts = { address: other.address, capabilities: [], exports: { kind: 'remote' } };
    await using served = await servedStore({ contents: new Map([['theirs', facts]]) });
    const filters = ['type==io.containerd.content.v1'];
    const { plugins: listed } = await served.client(Introspection).plugins({ filters });
    expect(listed).toMatchObject([
      { id: 'content' },
      { id: 'theirs', exports: { address: other.address, kind: 'remote' }, platforms: [{ os: 'linux' }] },
    ]);
    expect(listed.map(({ initErr }) => initErr)).toEqual([undefined, undefined]);
    const stream = new ContentStream(served.client(Content));
    await stream.stat('mine');
    await stream.write(Buffer.from('x'));
    await stream.commit(1);
    const digest = digestOf(Buffer.from('x'));
    expect((await served.client(Content).info({ digest })).info?.size).toBe(1n);
    await expect(other.client(Content).info({ digest })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('are asked for layers that are unknown here', async () => {
    const tar = tarOf([file('name', 'x')]);
    const mediaType = 'application/vnd.example.x';
    const push = async (to: ServedStore) => {
      const stream = new ContentStream(to.client(Content));
      await stream.stat('layer');
      await stream.write(tar);
      await stream.commit(tar.length);
    };
    // the other daemon has the content of its own here; a real one reads ours
    await Promise.all([push(ours), push(other)]);
    const layer = { mediaType, digest: digestOf(tar), size: BigInt(tar.length) };
    const mounts = await prepare('base');
    const { applied } = await ours.client(Diff).apply({ diff: layer, mounts });
    expect(applied?.digest).toBe(digestOf(tar));
    await expect(ours.client(Diff).diff({ right: mounts, mediaType: 'text/plain' })).rejects.toMatchObject({
      code: 'unimplemented',
      message: /differ 'theirs' .*not implemented/,
    });
  });
});
