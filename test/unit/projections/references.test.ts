import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import type { Subject } from '../../../src/domain/envelope.ts';
import type { Timestamp } from '../../../src/domain/identity.ts';
import { collectable, removalCommands } from '../../../src/projections/gc.ts';
import {
  evolveReferences,
  noReferences,
  pathFromRoot,
  type References,
} from '../../../src/projections/references.ts';
import { freeingPositions, why } from '../../../src/projections/why.ts';
import { digest, type EventInput, log, wallAt } from '../../support/given.ts';

const ns = 'default';
const name = 'docker.io/library/busybox:latest';
const [index, manifest, config, layer] = [1, 2, 3, 4].map(digest) as [string, string, string, string];
const chain = digest(9);
const blob = (of: string, labels: Record<string, string> = {}): EventInput => ({
  type: 'blob-committed',
  data: { namespace: ns, digest: of, size: 10, labels },
});
const at = { namespace: ns, snapshotter: 'overlayfs' };
const target = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: index, size: 10 };
const gc = 'containerd.io/gc.ref';

/** A pulled and unpacked image; nothing else. */
const pulled: readonly EventInput[] = [
  { type: 'lease-created', data: { namespace: ns, id: 'pull', labels: {} } },
  blob(index, { [`${gc}.content.m.0`]: manifest }),
  {
    type: 'lease-resource-added',
    data: { namespace: ns, id: 'pull', resource: { type: 'content', id: index } },
  },
  blob(manifest, { [`${gc}.content.config`]: config, [`${gc}.content.l.0`]: layer }),
  blob(layer),
  { type: 'snapshot-prepared', data: { ...at, key: 'extract', id: '1', kind: 'active', labels: {} } },
  {
    type: 'lease-resource-added',
    data: { namespace: ns, id: 'pull', resource: { type: 'snapshots/overlayfs', id: 'extract' } },
  },
  {
    type: 'snapshot-committed',
    data: { ...at, key: 'extract', name: chain, usage: { bytes: 1, inodes: 1 }, labels: {} },
  },
  blob(config, { [`${gc}.snapshot.overlayfs`]: chain }),
  { type: 'image-created', data: { namespace: ns, name, target, labels: {} } },
  { type: 'lease-deleted', data: { namespace: ns, id: 'pull', cause: { by: 'request' } } },
];
const ran: readonly EventInput[] = [
  ...pulled,
  {
    type: 'snapshot-prepared',
    data: { ...at, key: 'c0ffee', id: '2', kind: 'active', parent: chain, labels: {} },
  },
  {
    type: 'container-created',
    data: { ...containerEvents['container-created'].example, image: { name, digest: index } },
  },
];
const untagged: EventInput = { type: 'image-removed', data: { namespace: ns, name, target } };
const removed: EventInput = { type: 'container-removed', data: { namespace: ns, id: 'c0ffee', name: 'web' } };

const fold = (...events: readonly EventInput[]): References =>
  log(...events).reduce(evolveReferences, noReferences);
const blobOf = (of: string) => `blob/${ns}/${of}` as Subject;
const snapshotOf = (key: string) => `snapshot/${ns}/overlayfs/${key}` as Subject;
const words = (state: References, subject: Subject): string =>
  (pathFromRoot(state, subject) ?? []).map(({ from, kind, since }) => `${from} ${kind}@${since}`).join(' > ');
const collected = (state: References) =>
  collectable(state).map((found) => {
    const id = found.kind === 'blob' ? found.digest : found.kind === 'snapshot' ? found.key : found.ref;
    return `${id.slice(-6)} ${found.freedBy ?? '-'}`;
  });

describe('what keeps a thing', () => {
  it('is told from the image down to the snapshot, with the events that made it so', () => {
    expect(words(fold(...pulled), snapshotOf(chain))).toBe(
      [
        `image/default/${name} target@9`,
        `blob/default/${index} manifest@1`,
        `blob/default/${manifest} config@3`,
        `blob/default/${config} unpacked@8`,
      ].join(' > '),
    );
    expect(words(fold(...pulled), blobOf(layer))).toMatch(/ layer@3$/);
  });
  it('is the shortest way there is', () => {
    expect(words(fold(...ran), snapshotOf(chain))).toBe(
      `container/default/c0ffee root@12 > snapshot/default/overlayfs/c0ffee parent@11`,
    );
    expect(words(fold(...ran, untagged), blobOf(index))).toBe('container/default/c0ffee image@12');
  });
  it('is the lease until there is more, by the key that it held before the commit too', () => {
    const during = fold(...pulled.slice(0, 8));
    expect(words(during, blobOf(index))).toBe('lease/default/pull lease@2');
    expect(words(during, snapshotOf(chain))).toBe('lease/default/pull lease@7');
    expect(collected(during)).toEqual([]);
  });
  it('is the thing itself where it is a root', () => {
    const rooted = fold(blob(layer, { 'containerd.io/gc.root': '2026' }));
    expect(why(rooted, blobOf(layer))).toEqual({
      subject: blobOf(layer),
      exists: true,
      kept: true,
      path: [],
    });
    expect(why(fold(...pulled), `image/default/${name}` as Subject)).toMatchObject({ kept: true, path: [] });
  });
  it('may be a label that came before the thing', () => {
    const labelled = fold(
      { type: 'image-created', data: { namespace: ns, name, target, labels: {} } },
      blob(index, { [`${gc}.content.x`]: layer }),
      blob(layer),
    );
    expect(words(labelled, blobOf(layer))).toMatch(/ label@1$/);
    expect(collected(labelled)).toEqual([]);
  });
  it('is what was built on it, also where a commit is the first to say so', () => {
    const [base, top] = [digest(10), digest(11)];
    const layers = [base, top].flatMap((name, n): EventInput[] => [
      {
        type: 'snapshot-prepared',
        data: { ...at, key: `x${n}`, id: `${n + 1}`, kind: 'active', labels: {} },
      },
      {
        type: 'snapshot-committed',
        data: {
          ...{ ...at, key: `x${n}`, name, usage: { bytes: 1, inodes: 1 }, labels: {} },
          ...(n === 0 ? {} : { parent: base }),
        },
      },
    ]);
    const held = fold(
      ...layers,
      blob(config, { [`${gc}.snapshot.overlayfs`]: top, 'containerd.io/gc.root': '' }),
    );
    expect(collectable(held)).toEqual([]);
    expect(collected(fold(...layers)).map((word) => word.split(' ')[0])).toEqual([
      top.slice(-6),
      base.slice(-6),
    ]);
  });
  it('is nothing where it is not here', () => {
    expect(why(noReferences, blobOf(layer))).toEqual({
      subject: blobOf(layer),
      exists: false,
      kept: false,
      path: [],
    });
  });
});

describe('garbage', () => {
  it('is nothing while image or container keep it', () => {
    expect(collected(fold(...ran))).toEqual([]);
    expect(collected(fold(...ran, untagged))).toEqual([]);
  });
  it('is the tree of an image once its name and its container have gone, top down', () => {
    const state = fold(...ran, untagged, removed);
    const order = collected(state);
    expect([...order].sort()).toEqual(
      [index, manifest, config, layer, chain]
        .map((one) => `${one.slice(-6)} 14`)
        .concat('c0ffee 14')
        .sort(),
    );
    const place = (id: string) => order.indexOf(`${id.slice(-6)} 14`);
    expect(place('c0ffee')).toBeLessThan(place(chain));
    expect(place(index)).toBeLessThan(place(manifest));
    expect(place(manifest)).toBeLessThan(place(config));
    expect(place(config)).toBeLessThan(place(chain));
    expect(why(state, blobOf(index))).toMatchObject({ exists: true, kept: false, freedBy: 14n });
  });
  it('was freed by the event that took its own standing away, or some of its time', () => {
    const until = (time: string) => ({ 'containerd.io/gc.expire': `${time}T00:00:00Z` });
    const relabelled = (labels: Readonly<Record<string, string>>): EventInput => ({
      type: 'blob-labelled',
      data: { namespace: ns, digest: layer, labels },
    });
    const freedBy = (...events: readonly EventInput[]) => why(fold(...events), blobOf(layer)).freedBy;
    expect(freedBy(blob(layer, { 'containerd.io/gc.root': '' }), relabelled({}))).toBe(1n);
    expect(freedBy(blob(layer, until('2031-01-01')), relabelled({}))).toBe(1n);
    const shortened = fold(blob(layer, until('2031-01-01')), relabelled(until('2001-01-01')));
    expect(collectable(shortened, { now: wallAt(9) })).toMatchObject([{ digest: layer, freedBy: 1n }]);
    const longer = fold(blob(layer, until('2001-01-01')), relabelled(until('2002-01-01')));
    expect(collectable(longer, { now: wallAt(9) })[0]).not.toHaveProperty('freedBy');
  });
  it('was freed by the commit that gave its keeper, or itself, another name', () => {
    const prepared = (key: string, more: object = {}): EventInput => ({
      type: 'snapshot-prepared',
      data: { ...at, key, id: key, kind: 'active', labels: {}, ...more },
    });
    const [container] = ran.slice(-1) as [EventInput];
    const commit = {
      type: 'snapshot-committed',
      data: { ...at, key: 'c0ffee', name: 'top', usage: { bytes: 1, inodes: 1 }, labels: {} },
    } as const;
    const named = { labels: { 'containerd.io/gc.bref.snapshot.overlayfs': 'c0ffee' } };
    const state = fold(prepared('base', named), prepared('c0ffee'), container, commit);
    expect(why(state, snapshotOf('base'))).toMatchObject({ kept: false, freedBy: 3n });
    expect(why(state, snapshotOf('top'))).toMatchObject({ kept: false, freedBy: 3n });
  });
  it('is removed by commands that say what freed it', () => {
    const commands = removalCommands(collectable(fold(...pulled, untagged)));
    expect(commands).toHaveLength(5);
    expect(commands[0]).toEqual({
      type: 'remove-blob',
      namespace: ns,
      digest: index,
      cause: { by: 'gc', freedBy: '11' },
    });
    expect(commands.at(-1)).toMatchObject({ type: 'remove-snapshot', key: chain, snapshotter: 'overlayfs' });
  });
  it('tells nothing of what never was kept', () => {
    expect(removalCommands(collectable(fold(blob(layer))))).toEqual([
      { type: 'remove-blob', namespace: ns, digest: layer, cause: { by: 'gc' } },
    ]);
  });
  it('is what only keeps itself, in circles', () => {
    const circle = [
      blob(index, { [`${gc}.content`]: manifest }),
      blob(manifest, { [`${gc}.content`]: index, [`${gc}.content.l.0`]: layer }),
      blob(layer),
    ];
    const image: EventInput = { type: 'image-created', data: { namespace: ns, name, target, labels: {} } };
    expect(collected(fold(...circle, image))).toEqual([]);
    const freed = collected(fold(...circle, image, untagged));
    expect([...freed].sort()).toEqual([index, manifest, layer].map((one) => `${one.slice(-6)} 4`));
  });
  it('stays in its namespace', () => {
    const image = { namespace: 'other', name, target, labels: {} };
    expect(collected(fold(blob(index), { type: 'image-created', data: image }))).toEqual(['000001 -']);
  });
  it('is an unfinished write only when it is old, asked for, and no lease holds it', () => {
    const started = (ref: string): EventInput => ({ type: 'ingest-started', data: { namespace: ns, ref } });
    const state = fold(
      started('old'),
      started('held'),
      { type: 'lease-created', data: { namespace: ns, id: 'l', labels: {} } },
      {
        type: 'lease-resource-added',
        data: { namespace: ns, id: 'l', resource: { type: 'ingests', id: 'held' } },
      },
      started('young'),
    );
    expect(collectable(state)).toEqual([]);
    expect(removalCommands(collectable(state, { ingestsBefore: wallAt(3) }))).toEqual([
      { type: 'abort-ingest', namespace: ns, ref: 'old', cause: { by: 'gc' } },
    ]);
  });
  describe('by labels of containerd', () => {
    const lease = (labels: Record<string, string>): EventInput => ({
      type: 'lease-created',
      data: { namespace: ns, id: 'l', labels },
    });
    const holds = (of: string): EventInput => ({
      type: 'lease-resource-added',
      data: { namespace: ns, id: 'l', resource: { type: 'content', id: of } },
    });
    const letGo: EventInput = {
      type: 'lease-deleted',
      data: { namespace: ns, id: 'l', cause: { by: 'request' } },
    };
    const manifestOfLayer = blob(manifest, { [`${gc}.content.l.0`]: layer });
    const last = (of: string) => of.slice(-6);

    it('is not what a flat lease holds, but what that refers to', () => {
      const flat = [lease({ 'containerd.io/gc.flat': 'yes' }), manifestOfLayer, blob(layer), holds(manifest)];
      expect(collected(fold(...flat))).toEqual([`${last(layer)} -`]);
      expect(words(fold(...flat), blobOf(manifest))).toBe('lease/default/l lease@3');
      expect(why(fold(...flat), blobOf(layer)).kept).toBe(false);
      const image: EventInput = {
        type: 'image-created',
        data: { namespace: ns, name, target: { ...target, digest: manifest }, labels: {} },
      };
      expect(collected(fold(...flat, image))).toEqual([]);
      expect(collected(fold(...flat, letGo))).toEqual([`${last(manifest)} 4`, `${last(layer)} 4`]);
    });
    it('is what names a keeper that is not here, or is no longer', () => {
      const named = blob(layer, { 'containerd.io/gc.bref.content.origin': manifest });
      const rooted = blob(manifest, { 'containerd.io/gc.root': 'yes' });
      expect(collected(fold(named))).toEqual([`${last(layer)} -`]);
      expect(collected(fold(named, rooted))).toEqual([]);
      expect(words(fold(rooted, named), blobOf(layer))).toBe(`blob/default/${manifest} back@1`);
      const unrooted: EventInput = {
        type: 'blob-labelled',
        data: { namespace: ns, digest: manifest, labels: {} },
      };
      expect(collected(fold(named, rooted, unrooted))).toEqual([`${last(manifest)} 2`, `${last(layer)} 2`]);
      const unnamed: EventInput = {
        type: 'blob-labelled',
        data: { namespace: ns, digest: layer, labels: {} },
      };
      expect(collected(fold(named, rooted, unnamed))).toEqual([`${last(layer)} 2`]);
    });
    it.each([
      ['image', name],
      ['container/x', 'c0ffee'],
      ['snapshot.overlayfs', 'c0ffee'],
    ])('is nothing that names its %s', (keeper, id) => {
      const named = blob(layer, { [`containerd.io/gc.bref.${keeper}`]: id });
      expect(collected(fold(...ran, named))).toEqual([]);
      expect(collected(fold(named, ...ran))).toEqual([]);
      expect(collected(fold(named))).toEqual([`${last(layer)} -`]);
    });
    it('is what was to be kept up to a time, from then on', () => {
      const kept = fold(
        blob(manifest, {
          'containerd.io/gc.expire': '2026-01-01T01:00:00+01:00',
          [`${gc}.content.l.0`]: layer,
        }),
        blob(layer),
      );
      const at = (text: string) => collectable(kept, { now: (Date.parse(text) * 1000) as Timestamp }).length;
      expect(at('2025-12-31T23:59:59Z')).toBe(0);
      expect(at('2026-01-01T00:00:00Z')).toBe(2);
    });
  });
  it('costs what it is, not what the store holds', () => {
    const many = Array.from({ length: 20_000 }, (_, n): EventInput[] => [
      {
        type: 'image-created',
        data: { namespace: ns, name: `i${n}`, target: { ...target, digest: digest(n) }, labels: {} },
      },
      blob(digest(n)),
    ]).flat();
    const full = fold(...many);
    const some = log(
      ...many,
      ...Array.from({ length: 10 }, (_, n): EventInput => {
        const was = { ...target, digest: digest(n) };
        return { type: 'image-removed', data: { namespace: ns, name: `i${n}`, target: was } };
      }),
    )
      .slice(many.length)
      .reduce(evolveReferences, full);
    expect(collectable(some)).toHaveLength(10);
    expect(some.free.size).toBe(10);
    expect(some.suspects.size).toBe(0);
  });
});

describe('the events that freed a thing', () => {
  const freedByGc: EventInput = {
    type: 'blob-removed',
    data: { namespace: ns, digest: layer, size: 10, lastHolder: true, cause: { by: 'gc', freedBy: '1' } },
  };
  it('are the one that freed it and its removal', () => {
    expect(freeingPositions(log(blob(layer), untagged, freedByGc), new Set())).toEqual([1n, 2n]);
  });
  it('are its removal alone where somebody asked for that', () => {
    expect(freeingPositions(log(...ran, removed), new Set())).toEqual([13n]);
  });
  it('are none for what was made again', () => {
    expect(freeingPositions(log(blob(layer), untagged, freedByGc, blob(layer)), new Set())).toEqual([]);
  });
});
