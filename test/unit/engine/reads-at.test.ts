import { beforeAll, describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace, type Position, position, Timestamp } from '../../../src/domain/identity.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import { definitionOf } from '../../../src/domain/world.ts';
import { containersApi } from '../../../src/engine/api/containers.ts';
import type { Engine } from '../../../src/engine/api/engine.ts';
import { imagesApi } from '../../../src/engine/api/images.ts';
import { resourcesApi } from '../../../src/engine/api/resources.ts';
import { systemApi } from '../../../src/engine/api/system.ts';
import { tellWhy } from '../../../src/engine/api/why.ts';
import { Collector } from '../../../src/engine/collector.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { BlobStore } from '../../../src/engine/ports/blobs.ts';
import type { Clock, Names } from '../../../src/engine/ports/clock.ts';
import type { Log } from '../../../src/engine/ports/log.ts';
import { Timeline } from '../../../src/engine/timeline.ts';
import { keptLogger } from '../../support/fake-api.ts';
import { digest, type EventInput, log, wallAt } from '../../support/given.ts';

const ns = 'default';
const namespace = Namespace.parse(ns);
const name = 'docker.io/library/busybox:latest';
const [manifest, config, layer, chain] = [1, 2, 3, 4].map(digest) as [string, string, string, string];
const gc = 'containerd.io/gc.ref';
const at = { namespace: ns, snapshotter: 'overlayfs' };
const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: manifest, size: 10 };
const blob = (of: string, labels: Record<string, string> = {}): EventInput => ({
  type: 'blob-committed',
  data: { namespace: ns, digest: of, size: 10, labels },
});
const container = (id: string): EventInput => ({
  type: 'container-created',
  data: {
    ...{ ...containerEvents['container-created'].example, id, snapshotKey: id },
    image: { name, digest: manifest },
  },
});
const root = (key: string): EventInput => ({
  type: 'snapshot-prepared',
  data: { ...at, key, id: key, kind: 'active', parent: chain, labels: {} },
});
const byGc = (freedBy: string) => ({ by: 'gc' as const, freedBy });
const freed = (of: string, freedBy: string): EventInput => ({
  type: 'blob-removed',
  data: { namespace: ns, digest: of, size: 10, lastHolder: true, cause: byGc(freedBy) },
});

/** An image is pulled and run as `web`; all of it goes away; another `web` comes. */
const past: readonly EventInput[] = [
  { type: 'lease-created', data: { namespace: ns, id: 'pull', labels: {}, expiresAt: wallAt(60) } },
  blob(manifest, { [`${gc}.content.config`]: config, [`${gc}.content.l.0`]: layer }),
  {
    type: 'lease-resource-added',
    data: { namespace: ns, id: 'pull', resource: { type: 'content', id: manifest } },
  },
  blob(layer),
  { type: 'snapshot-prepared', data: { ...at, key: 'extract', id: '1', kind: 'active', labels: {} } },
  {
    type: 'snapshot-committed',
    data: { ...at, key: 'extract', name: chain, usage: { bytes: 4096, inodes: 3 }, labels: {} },
  },
  blob(config, { [`${gc}.snapshot.overlayfs`]: chain }),
  { type: 'image-created', data: { namespace: ns, name, target, labels: {} } },
  { type: 'lease-deleted', data: { namespace: ns, id: 'pull', cause: { by: 'request' } } },
  root('c0ffee'),
  container('c0ffee'),
  { type: 'image-removed', data: { namespace: ns, name, target } },
  { type: 'container-removed', data: { namespace: ns, id: 'c0ffee', name: 'web' } },
  { type: 'snapshot-removed', data: { ...at, key: 'c0ffee', id: 'c0ffee', cause: byGc('12') } },
  freed(manifest, '12'),
  freed(layer, '12'),
  freed(config, '12'),
  { type: 'snapshot-removed', data: { ...at, key: chain, id: '1', cause: byGc('12') } },
  root('beef'),
  container('beef'),
];
const [PULLED, CREATED, UNTAGGED, REMOVED, FREED] = [9, 11, 12, 13, 18];

/** A log of the first so many events of the past. */
const logOf = async (count: number): Promise<Log> => {
  const kept = memoryLog();
  const envelopes = log(...past.slice(0, count)).map(({ type, subject, data, meta }) => ({
    ...{ type, subject, data, meta, version: definitionOf(type)?.version ?? 1 },
  }));
  if (count > 0) await kept.append(envelopes, position(0n));
  return kept;
};

const documents: Readonly<Record<string, string>> = {
  [config]: JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }),
  [manifest]: '{"schemaVersion":2}',
};

interface Options {
  readonly log: Log;
  /** Digests that still have bytes. */
  readonly bytes?: readonly string[];
}

/** An engine that can answer and do nothing else. */
const engineOf = async ({ log: kept, bytes = [] }: Options): Promise<Engine> => {
  const clock = { now: () => ({ wall: wallAt(past.length), mono: 0, boot: 'b' }) } as Clock;
  const blobs: Pick<BlobStore, 'readAll'> = {
    readAll: async (of) => {
      if (!bytes.includes(of)) throw new Rejection('not-found', `there is no ${of}`);
      return new TextEncoder().encode(documents[of]);
    },
  };
  const host = { logOf: ({ id }: { id: string }) => ({ path: `/logs/${id}` }) };
  const ledger = await Ledger.open(kept, clock);
  const names = { sortable: () => 'n' } as Names;
  const actor = { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' };
  const options = { actor, delay: 1, interval: 1 };
  const collector = new Collector(ledger, clock, names, keptLogger().logger, options);
  const timeline = new Timeline(kept, ledger);
  return { ports: { log: kept, clock, blobs, host }, ledger, timeline, collector } as unknown as Engine;
};

const when = (at: number): { at: { position: Position } } => ({ at: { position: position(BigInt(at)) } });
const everything = { all: true, filters: [] };

describe('reads at a position', () => {
  let engine: Engine;
  let gone: Engine;
  beforeAll(async () => {
    engine = await engineOf({ log: await logOf(past.length), bytes: [config, manifest] });
    gone = await engineOf({ log: await logOf(past.length) });
  });
  const containersAt = async (at: number) =>
    Array.from(await containersApi(engine).list(namespace, { ...everything, ...when(at) }), ({ id }) => id);

  it('show containers that are gone, and not those to come', async () => {
    expect(await containersAt(CREATED - 1)).toEqual([]);
    expect(await containersAt(CREATED)).toEqual(['c0ffee']);
    expect(await containersAt(UNTAGGED)).toEqual(['c0ffee']);
    expect(await containersAt(REMOVED)).toEqual([]);
    expect(await containersAt(past.length)).toEqual(['beef']);
    const now = await containersApi(engine).list(namespace, everything);
    expect(Array.from(now, ({ id }) => id)).toEqual(['beef']);
  });

  it('resolve names in the world of that moment', async () => {
    const { inspect } = containersApi(engine);
    const web = { namespace, container: 'web' };
    expect(await inspect({ ...web, ...when(CREATED) })).toMatchObject({
      ...{ container: { id: 'c0ffee', name: 'web' }, snapshotKey: 'c0ffee', logPath: '' },
    });
    expect(await inspect(web)).toMatchObject({ container: { id: 'beef' }, logPath: '/logs/beef' });
    await expect(inspect({ ...web, ...when(FREED) })).rejects.toMatchObject({ code: 'not-found' });
    // The container of that id is there now as well, so its output may be.
    expect(await inspect({ namespace, container: 'beef', ...when(past.length) })).toMatchObject({
      logPath: '/logs/beef',
    });
  });

  it('show images, with sizes from events, and the platform while the bytes are here', async () => {
    const { list } = imagesApi(engine);
    expect(await list(namespace, when(PULLED - 2))).toEqual([]);
    expect(await list(namespace, when(PULLED))).toMatchObject([
      { name, id: config, contentSize: 30, unpackedSize: 4096, platform: { os: 'linux' } },
    ]);
    expect(await list(namespace, when(UNTAGGED))).toEqual([]);
    expect(await list(namespace)).toEqual([]);
    const [image] = await imagesApi(gone).list(namespace, when(PULLED));
    expect(image).toMatchObject({ id: config, contentSize: 30, unpackedSize: 4096 });
    expect(image).not.toHaveProperty('platform');
  });

  it('give the documents of an image while they are here, and say nothing in their place', async () => {
    const { at } = when(PULLED);
    expect(await imagesApi(engine).inspect(namespace, 'busybox', at)).toMatchObject({
      ...{ manifest: documents[manifest], config: documents[config], layers: [layer] },
    });
    expect(await imagesApi(gone).inspect(namespace, 'busybox', at)).toMatchObject({
      ...{ manifest: '', config: '', layers: [layer] },
    });
    await expect(imagesApi(engine).inspect(namespace, 'busybox')).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('list what things are made of', async () => {
    const { snapshots, content, leases, namespaces } = resourcesApi(engine);
    const of = (at: number, ...filters: string[]) => ({ namespace, filters, ...when(at) });
    expect((await snapshots(of(CREATED))).map(({ key, kind }) => `${key} ${kind}`)).toEqual([
      ...['c0ffee active', `${chain} committed`],
    ]);
    expect(await snapshots(of(CREATED, 'kind=committed'))).toMatchObject([{ usage: { bytes: 4096 } }]);
    expect(await snapshots(of(5))).toMatchObject([{ key: 'extract', kind: 'active' }]);
    expect((await content(of(PULLED))).map((one) => one.digest)).toEqual([config, layer, manifest]);
    expect(await content(of(PULLED, `digest=${config}`))).toHaveLength(1);
    expect(await content(of(FREED))).toEqual([]);
    expect((await leases(of(PULLED - 1))).map(({ resources }) => resources.size)).toEqual([1]);
    expect(await leases(of(PULLED))).toEqual([]);
    const counts = { containers: 1, images: 1, snapshots: 2, blobs: 3, leases: 0 };
    expect(await namespaces(of(CREATED))).toEqual([{ namespace, labels: {}, ...counts }]);
    expect(await namespaces(of(0))).toEqual([]);
    await expect(snapshots(of(PULLED, 'kind=big'))).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('count', async () => {
    const { counts } = systemApi(engine);
    expect(await counts({ ...when(CREATED), namespace })).toMatchObject({
      ...{ logHead: 11n, containers: 1, images: 1, snapshots: 2, blobs: 3, contentBytes: 30 },
    });
    expect(await counts(when(FREED))).toMatchObject({ containers: 0, images: 0, blobs: 0, namespaces: [] });
  });

  it('tell what kept a thing then, and what had freed it by then', async () => {
    const why = (at: number, thing = layer) => tellWhy(engine, { namespace, thing, ...when(at) });
    const path = async (at: number) => (await why(at)).path.map(({ from, kind }) => `${from} ${kind}`);
    expect(await path(CREATED)).toEqual([`image/${ns}/${name} target`, `blob/${ns}/${manifest} layer`]);
    expect(await path(UNTAGGED)).toEqual([`container/${ns}/c0ffee image`, `blob/${ns}/${manifest} layer`]);
    // Nothing keeps it any more, and it is still there.
    expect(await why(REMOVED, manifest)).toMatchObject({
      ...{ kept: false, freed: [{ position: 12n, type: 'container-removed' }] },
    });
    expect(await why(FREED)).toMatchObject({
      ...{ kept: false, freed: [{ type: 'container-removed' }, { type: 'blob-removed' }] },
    });
    await expect(why(1)).rejects.toMatchObject({
      ...{ code: 'not-found', message: expect.stringContaining('before position 1') },
    });
    expect((await why(past.length, 'web')).subject).toBe(`container/${ns}/beef`);
    expect((await why(FREED, 'web')).subject).toBe(`container/${ns}/c0ffee`);
  });
});

describe('a moment', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineOf({ log: await logOf(past.length) });
  });
  const moment = (at: Parameters<ReturnType<typeof resourcesApi>['moment']>[0]) =>
    resourcesApi(engine).moment(at);

  it('is a position, with the time of the event before it', async () => {
    expect(await moment({ position: position(12n) })).toEqual({ position: 12n, time: wallAt(11) });
    expect(await moment({ position: position(0n) })).toEqual({ position: 0n });
  });

  it('is a time: everything up to then has happened', async () => {
    expect(await moment({ time: wallAt(11) })).toEqual({ position: 12n, time: wallAt(11) });
    const early = Timestamp.parse(wallAt(11) - 1);
    expect(await moment({ time: early })).toEqual({ position: 11n, time: early });
    expect(await moment({ time: wallAt(-9) })).toMatchObject({ position: 0n });
  });

  it('is refused where it is to come', async () => {
    const late = position(BigInt(past.length + 1));
    const refusal = { code: 'invalid-argument', message: expect.stringContaining('is to come') };
    await expect(moment({ position: late })).rejects.toMatchObject(refusal);
    await expect(moment({ time: wallAt(past.length + 1) })).rejects.toMatchObject(refusal);
    const list = containersApi(engine).list(namespace, { ...everything, at: { position: late } });
    await expect(list).rejects.toMatchObject(refusal);
  });

  it('is refused below the horizon, and so is a time from before the first event that is kept', async () => {
    const pruned: Log = Object.create(await logOf(past.length), { horizon: { value: position(5n) } });
    const { moment: find } = resourcesApi(await engineOf({ log: pruned }));
    const refusal = { code: 'failed-precondition', message: expect.stringMatching(/begins at position 5/) };
    await expect(find({ position: position(4n) })).rejects.toMatchObject(refusal);
    await expect(find({ time: wallAt(4) })).rejects.toMatchObject(refusal);
    expect(await find({ position: position(5n) })).toEqual({ position: 5n });
    expect(await find({ time: wallAt(5) })).toMatchObject({ position: 6n });
  });
});

describe('what a collection would remove', () => {
  it('is what one removes, at every position, and telling removes nothing', async () => {
    const whole = await engineOf({ log: await logOf(past.length) });
    for (let count = 0; count <= past.length; count++) {
      const engine = await engineOf({ log: await logOf(count) });
      const told = await systemApi(whole).garbage(when(count).at);
      expect(await systemApi(engine).garbage()).toEqual(told);
      expect(engine.ledger.head.world.position).toBe(BigInt(count));
      const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' }, correlation: 'c' };
      expect([count, await systemApi(engine).gc({ cause })]).toEqual([count, told]);
    }
    expect(await systemApi(whole).garbage(when(REMOVED).at)).toMatchObject({ freedBytes: 30 });
  });

  it('is also what a lease had held until it expired', async () => {
    const engine = await engineOf({ log: await logOf(4) });
    expect((await systemApi(engine).garbage()).removed).toEqual([]);
    const later = { ...engine, ports: { ...engine.ports, clock: { now: () => ({ wall: wallAt(61) }) } } };
    expect(await systemApi(later as unknown as Engine).garbage()).toEqual({
      ...{ removed: [manifest, layer].map((of) => `blob/${ns}/${of}`), freedBytes: 20 },
    });
  });
});
