import { describe, expect, it } from 'vitest';
import { Namespace } from '../../../src/domain/identity.ts';
import { ImageReference } from '../../../src/domain/image-reference.ts';
import type { Applied, ArchiveEntry } from '../../../src/workflows/effects.ts';
import { importArchive } from '../../../src/workflows/import.ts';
import { digest } from '../../support/given.ts';
import {
  type Answers,
  type Circumstances,
  diffIdOf,
  digestOf,
  fakeImage,
  play,
} from '../../support/workflow.ts';

const namespace = Namespace.parse('default');
const image = fakeImage([1, 2]);
const applied = (n: number): Applied => ({ diffId: diffIdOf(n + 0x100), usage: { bytes: 10, inodes: 1 } });
const numberOf = ({ digest: text }: { readonly digest: string }) => Number.parseInt(text.slice(-4), 16);

/** A file of the archive: its text where it is a document, else the number in its digest. */
interface Member {
  readonly path: string;
  readonly size?: number;
  readonly text?: string;
  readonly digest?: number;
}
const blob = (n: number, size = 100): Member => ({
  path: `blobs/${digest(n).replace(':', '/')}`,
  size,
  digest: n,
});
const document = (path: string, value: unknown): Member => ({ path, text: JSON.stringify(value) });

/** Plays an archive entry by entry, as the engine's performers do. */
const reading = (members: readonly Member[]): Answers => {
  let at = -1;
  const current = (): Member => members[at] ?? { path: '' };
  return {
    'next-archive-entry': (): ArchiveEntry | undefined => {
      at += 1;
      const member = members[at];
      return member && { kind: 'file', path: member.path, size: member.size ?? member.text?.length ?? 0 };
    },
    'read-archive-document': () => current().text ?? '',
    'store-archive-file': ({ size }) => ({ digest: digestOf(current().digest ?? 0), size }),
    'digest-of': () => image.manifest.digest,
    'store-document': () => undefined,
    'compression-of': () => 'gzip',
    'read-document': image.read,
    'make-snapshot': () => undefined,
    'apply-layer': ({ layer }) => applied(numberOf(layer)),
    'settle-layers': () => undefined,
  };
};

const layers = [blob(1, 1001), blob(2, 1002)];
const oci = (annotations: Record<string, string>): readonly Member[] => [
  document('oci-layout', { imageLayoutVersion: '1.0.0' }),
  document('index.json', { schemaVersion: 2, manifests: [{ ...image.manifest, annotations }] }),
  ...layers,
  blob(0xa0),
  blob(0xc0),
];
const named = oci({ 'io.containerd.image.name': 'docker.io/fleet/sloop:1' });

const importing = (
  members: readonly Member[],
  more: { name?: string; answers?: Answers } & Circumstances = {},
) => {
  const name = more.name === undefined ? {} : { name: ImageReference.parse(more.name) };
  return play(importArchive({ namespace, ...name }), {
    ...more,
    answers: { ...reading(members), ...more.answers },
  });
};
const nothingLeft = ({ world }: ReturnType<typeof importing>) => {
  const under = [world.lease, world.transfer, world.content.ingests];
  expect(under.map(({ size }) => size)).toEqual([0, 0, 0]);
};

const announced = '+ingest-started lease-resource-added';
const stored = '+blob-committed lease-resource-added';
const prepared = '+snapshot-prepared lease-resource-added';

describe('importing an archive', () => {
  it('announces and names each blob as it comes, then labels, unpacks and names the image', () => {
    const played = importing(named);
    const { story, result, facts } = played;
    const next = 'next-archive-entry';
    const one = [next, announced, 'store-archive-file', stored];
    expect(story).toEqual([
      '+transfer-started lease-created',
      ...[next, 'read-archive-document', next, 'read-archive-document'],
      ...[...one, ...one, ...one, ...one, next],
      ...['read-document:a0', '+blob-labelled', 'read-document:c0'],
      ...['make-snapshot', prepared, '+blob-labelled', 'apply-layer:2'],
      ...['make-snapshot', prepared, '+blob-labelled', 'apply-layer:1'],
      'settle-layers',
      '+snapshot-committed lease-resource-added snapshot-committed lease-resource-added',
      '+blob-labelled',
      '+image-created',
      '+transfer-finished lease-deleted',
    ]);
    expect(result).toEqual(['docker.io/fleet/sloop:1']);
    expect(facts.at(-2)).toMatchObject({ data: { digest: digest(0xa0), bytes: 1001 + 1002 + 200 } });
    nothingLeft(played);
  });

  it('reads past what the namespace has, and stores nothing again', () => {
    const again = importing(named, { world: importing(named).world });
    expect(again.story.filter((line) => /store|ingest|apply|image-/.test(line))).toEqual([]);
    expect(again.result).toEqual(['docker.io/fleet/sloop:1']);
  });

  it('makes a manifest for what docker saved', () => {
    const saved = [
      { path: 'x/layer.tar', size: 1001, digest: 1 },
      { path: 'y/layer.tar', size: 1002, digest: 2 },
      { path: 'c.json', size: 100, digest: 0xc0 },
      document('manifest.json', [
        { Config: 'c.json', RepoTags: ['sloop:1', 'sloop:2'], Layers: ['x/layer.tar', 'y/layer.tar'] },
      ]),
    ];
    const texts: unknown[] = [];
    const { result, story, world } = importing(saved, {
      answers: {
        'store-document': ({ text }) => {
          texts.push(JSON.parse(text));
        },
        'compression-of': ({ digest: which }) => (which === digest(1) ? 'none' : 'zstd'),
      },
    });
    const type = 'application/vnd.oci.image.layer.v1.tar';
    expect(texts).toMatchObject([
      {
        schemaVersion: 2,
        config: { digest: digest(0xc0), size: 100 },
        layers: [
          { digest: digest(1), mediaType: type, size: 1001 },
          { digest: digest(2), mediaType: `${type}+zstd`, size: 1002 },
        ],
      },
    ]);
    expect(result).toEqual(['docker.io/library/sloop:1', 'docker.io/library/sloop:2']);
    expect(story).toContain('+image-created image-created');
    expect(world.image.size).toBe(2);
  });

  it.each([
    [
      'its tag, under the name given',
      { 'org.opencontainers.image.ref.name': 'stable' },
      'a/b:2',
      'docker.io/a/b:2',
    ],
    [
      'a whole name for a tag',
      { 'org.opencontainers.image.ref.name': 'ghcr.io/a/b:3' },
      undefined,
      'ghcr.io/a/b:3',
    ],
    ['no name at all', {}, 'a/b', 'docker.io/a/b:latest'],
    [
      'both, the full name first',
      { 'io.containerd.image.name': 'x:1', 'org.opencontainers.image.ref.name': 'y:2' },
      'z:3',
      'docker.io/library/x:1',
    ],
  ] as const)('takes an image with %s', (_, annotations, name, full) => {
    expect(importing(oci({ ...annotations }), name === undefined ? {} : { name }).result).toEqual([full]);
  });

  it('unpacks of an index what suits this host, and keeps all that came', () => {
    const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(0xb0), size: 100 };
    const manifests = [
      { ...image.manifest, digest: digest(0xa9), platform: { os: 'linux', architecture: 's390x' } },
      { ...image.manifest, digest: digest(0xa8), platform: { os: 'linux', architecture: 'arm64' } },
      { ...image.manifest, platform: { os: 'linux', architecture: 'amd64' } },
    ];
    const top = { ...index, annotations: { 'io.containerd.image.name': 'sloop:1' } };
    const { result, world, story } = importing(
      [
        document('oci-layout', { imageLayoutVersion: '1.0.0' }),
        document('index.json', { schemaVersion: 2, manifests: [top] }),
        ...[0xb0, 0xa9, 0xa0, 0xc0].map((n) => blob(n)),
        ...layers,
      ],
      {
        answers: {
          'read-document': ({ digest: which }) =>
            which === index.digest
              ? JSON.stringify({ schemaVersion: 2, manifests })
              : image.read({ digest: which === digest(0xa9) ? digest(0xa0) : which }),
        },
      },
    );
    expect(result).toEqual(['docker.io/library/sloop:1']);
    expect(world.content.blobs.get(`default/${digest(0xb0)}`)?.labels).toEqual({
      'containerd.io/gc.ref.content.m.0': digest(0xa9),
      'containerd.io/gc.ref.content.m.2': digest(0xa0),
    });
    expect(story.filter((line) => line.startsWith('apply-layer'))).toEqual([
      'apply-layer:2',
      'apply-layer:1',
    ]);
  });

  const other = { ...image.manifest, digest: digest(0xa7) };
  const twoOf = (...annotations: readonly Record<string, string>[]): readonly Member[] => [
    document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    document('index.json', {
      schemaVersion: 2,
      manifests: annotations.map((one, at) => ({ ...(at === 0 ? image.manifest : other), annotations: one })),
    }),
    ...[...named.slice(2), blob(0xa7)],
  ];
  it.each([
    [
      'two images of one name',
      twoOf({ 'io.containerd.image.name': 'a:1' }, { 'io.containerd.image.name': 'a:1' }),
      undefined,
      /two different images/,
    ],
    ['a name for another digest', oci({}), `a@${digest(7)}`, /the archive holds sha256:/],
    ['no image', twoOf(), undefined, /holds no image/],
    [
      'a layer of another size',
      [...oci({ 'io.containerd.image.name': 'a:1' }).filter(({ digest: n }) => n !== 2), blob(2, 5)],
      undefined,
      /has 5 bytes where the archive says 1002/,
    ],
    ['a layer that is not there', named.filter(({ digest: n }) => n !== 2), undefined, /lacks the layer/],
  ] as const)('refuses %s', (_, members, name, message) => {
    const ended = importing(members, name === undefined ? {} : { name });
    expect(ended.error).toMatchObject({ message: expect.stringMatching(message) });
    expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
    expect(ended.world.image.size).toBe(0);
    nothingLeft(ended);
  });

  it('ends its transfer, its lease and what it was writing wherever it is cancelled', () => {
    const whole = importing(named).story;
    for (const line of new Set(whole.slice(0, -1))) {
      const ended = importing(named, { cancelAfter: line });
      expect(ended.error).toMatchObject({ code: 'cancelled' });
      expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
      expect(ended.world.image.size).toBe(line === '+image-created' ? 1 : 0);
      nothingLeft(ended);
    }
  });
});
