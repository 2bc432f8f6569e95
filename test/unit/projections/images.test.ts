import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace } from '../../../src/domain/identity.ts';
import { isRejection } from '../../../src/domain/rejection.ts';
import type { World } from '../../../src/domain/world.ts';
import { imageTree } from '../../../src/projections/image-tree.ts';
import { listImages, resolveImage, usedBy } from '../../../src/projections/images.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';

const ns = Namespace.parse('default');
const gc = 'containerd.io/gc.ref';
const hex = (start: string) => `sha256:${start.padEnd(64, '0')}`;
const [index, absent, manifest, config] = [hex('1a'), hex('2a'), hex('2b'), hex('3a')];
const layers = [hex('4a'), hex('4b'), hex('4c')] as const;
const [base, top] = [hex('5a'), hex('5b')];
const world = (...events: EventInput[]): World => worldOf(log(...events));
const blob = (of: string, size: number, labels: Record<string, string> = {}): EventInput => ({
  type: 'blob-committed',
  data: { namespace: 'default', digest: of, size, labels },
});
const image = (
  name: string,
  of = index,
  type: 'image-created' | 'image-updated' = 'image-created',
): EventInput => ({
  type,
  data: {
    namespace: 'default',
    name,
    target: { mediaType: 'application/vnd.oci.image.index.v1+json', digest: of, size: 1 },
    labels: {},
  },
});
const at = { namespace: 'default', snapshotter: 'overlayfs' };
const layer = (key: string, name: string, bytes: number, parent?: string): EventInput[] => [
  {
    type: 'snapshot-prepared',
    data: { ...at, key, id: key, kind: 'active', labels: {}, ...(parent === undefined ? {} : { parent }) },
  },
  { type: 'snapshot-committed', data: { ...at, key, name, usage: { bytes, inodes: 1 }, labels: {} } },
];
const manifestBlob = blob(manifest, 10, {
  [`${gc}.content.config`]: config,
  [`${gc}.content.l.10`]: layers[2],
  [`${gc}.content.l.0`]: layers[0],
  [`${gc}.content.l.1`]: layers[1],
});
const whole: EventInput[] = [
  blob(index, 1, { [`${gc}.content.m.0`]: absent, [`${gc}.content.m.1`]: manifest }),
  manifestBlob,
  blob(config, 100, { [`${gc}.snapshot.overlayfs`]: top }),
  ...layers.map((one) => blob(one, 1000)),
  ...layer('k1', base, 4096),
  ...layer('k2', top, 8192, base),
];
const treeOf = (now: World, text = 'busybox') => {
  const found = resolveImage(now, ns, text);
  if (isRejection(found)) throw found;
  return imageTree(now, found);
};

describe('the tree of an image', () => {
  it('goes from the index over the manifest that is here to config, layers and snapshot', () => {
    const tree = treeOf(world(...whole, image('docker.io/library/busybox:latest')));
    expect(tree).toMatchObject({
      index,
      manifest,
      config,
      layers,
      missing: [],
      contentSize: 3111,
      unpackedSize: 12_288,
    });
    expect(tree.unpacked.map(({ key }) => key)).toEqual([top]);
  });
  it('begins at the manifest where the name points at one', () => {
    const tree = treeOf(world(...whole, image('docker.io/library/busybox:latest', manifest)));
    expect(tree).toMatchObject({ manifest, config, layers, contentSize: 3110 });
    expect(tree.index).toBeUndefined();
  });
  it('counts a layer once that is there twice', () => {
    const twice = blob(manifest, 10, { [`${gc}.content.l.0`]: layers[0], [`${gc}.content.l.1`]: layers[0] });
    const tree = treeOf(
      world(twice, blob(layers[0], 1000), image('docker.io/library/busybox:latest', manifest)),
    );
    expect(tree).toMatchObject({ layers: [layers[0], layers[0]], contentSize: 1010, unpackedSize: 0 });
  });
  it('prefers a manifest that is whole', () => {
    const broken = blob(absent, 10, { [`${gc}.content.config`]: hex('ff') });
    const tree = treeOf(world(...whole, broken, image('docker.io/library/busybox:latest')));
    expect(tree.manifest).toBe(manifest);
  });
  it('tells what is missing', () => {
    const partly = whole.filter(
      (event) => !(event.type === 'blob-committed' && event.data.digest === layers[1]),
    );
    expect(treeOf(world(...partly, image('docker.io/library/busybox:latest'))).missing).toEqual([layers[1]]);
    expect(treeOf(world(image('docker.io/library/busybox:latest')))).toEqual({
      layers: [],
      missing: [index],
      contentSize: 0,
      unpackedSize: 0,
      unpacked: [],
    });
  });
});

describe('an image is found by', () => {
  const other = hex('1b');
  const now = world(
    ...whole,
    image('docker.io/library/busybox:latest'),
    image('docker.io/library/busybox:1.36'),
    image('localhost:5000/team/app:v1', other),
    image('Odd Name'),
  );
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['docker.io/library/busybox:latest', 'docker.io/library/busybox:latest'],
    ['localhost:5000/team/app:v1', 'localhost:5000/team/app:v1'],
    [`localhost:5000/team/app@${other}`, 'localhost:5000/team/app:v1'],
    ['Odd Name', 'Odd Name'],
    [other, 'localhost:5000/team/app:v1'],
    ['1b', 'localhost:5000/team/app:v1'],
    ['sha256:1b0', 'localhost:5000/team/app:v1'],
    ['3a', 'Odd Name'],
    [config, 'Odd Name'],
  ])('%s', (text, name) => {
    expect(resolveImage(now, ns, text)).toMatchObject({ name });
  });
  it.each([
    ['1', 'invalid-argument', /'1' may be .*busybox.*give more of the digest/],
    [
      'alpine',
      'not-found',
      /image 'alpine' \(docker.io\/library\/alpine:latest\) does not exist in namespace 'default'/,
    ],
    [`localhost:5000/team/app@${index}`, 'not-found', /does not exist/],
    ['', 'not-found', /image '' does not exist/],
    ['sha256:', 'not-found', /does not exist/],
  ])('but not by %j: %s', (text, code, message) => {
    expect(resolveImage(now, ns, text)).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('a list of images', () => {
  const now = world(
    image('docker.io/library/busybox:latest'),
    image('docker.io/library/busybox:1.36'),
    image('ghcr.io/team/app:v1'),
    image('docker.io/library/busybox:latest', digest(7), 'image-updated'),
  );
  it.each([
    ['', ['docker.io/library/busybox:latest', 'ghcr.io/team/app:v1', 'docker.io/library/busybox:1.36']],
    ['busybox', ['docker.io/library/busybox:latest', 'docker.io/library/busybox:1.36']],
    ['busybox:1.*', ['docker.io/library/busybox:1.36']],
    ['b?sybox:latest', ['docker.io/library/busybox:latest']],
    ['*', ['docker.io/library/busybox:latest', 'docker.io/library/busybox:1.36']],
    ['ghcr.io/*/*', ['ghcr.io/team/app:v1']],
    ['*.io/team/app', ['ghcr.io/team/app:v1']],
    ['busy', []],
    ['(', []],
  ])('for %j', (reference, names) => {
    expect(listImages(now, ns, reference).map(({ name }) => name)).toEqual(names);
  });
});

it('an image is used by the containers made from its name or its content', () => {
  const { example } = containerEvents['container-created'];
  const from = (id: string, name: string, of: string): EventInput => ({
    type: 'container-created',
    data: { ...example, id, name: id, image: { name, digest: of } },
  });
  const now = world(
    image('docker.io/library/busybox:latest'),
    from('c1', 'docker.io/library/busybox:latest', hex('77')),
    from('c2', 'docker.io/library/other:latest', index),
    from('c3', 'docker.io/library/other:latest', hex('77')),
  );
  const found = resolveImage(now, ns, 'busybox');
  if (isRejection(found)) throw found;
  expect(
    usedBy(now, found)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['c1', 'c2']);
});
