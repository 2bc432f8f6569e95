import { describe, expect, it } from 'vitest';
import { Namespace } from '../../../src/domain/identity.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import type { ArchivePart } from '../../../src/workflows/effects.ts';
import { exportArchive } from '../../../src/workflows/export.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';
import { type Answers, digestOf, fakeImage, play } from '../../support/workflow.ts';

const namespace = Namespace.parse('default');
const fake = fakeImage([1, 2]);
const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(0xb0), size: 300 };

const blobs = (...numbers: readonly number[]): EventInput[] =>
  numbers.map((n) => ({
    type: 'blob-committed',
    data: { namespace: 'default', digest: digest(n), size: 100, labels: {} },
  }));
const named = (name: string, target = fake.manifest): EventInput => ({
  type: 'image-created',
  data: { namespace: 'default', name, target, labels: {} },
});
const sloop = 'docker.io/library/sloop:1';

const exporting = (past: readonly EventInput[], format: 'oci' | 'docker', more: Answers = {}) => {
  const images = [...worldOf(log(...past)).image.values()];
  let sent: readonly ArchivePart[] = [];
  const played = play(exportArchive({ namespace, images, format }), {
    past,
    answers: {
      'read-document': fake.read,
      'send-archive': ({ files }) => {
        sent = files;
        return 4096;
      },
      ...more,
    },
  });
  const texts = Object.fromEntries(
    sent.flatMap((part) => ('text' in part ? [[part.path, JSON.parse(part.text)]] : [])),
  );
  return { ...played, texts, paths: sent.map(({ path }) => path), sent };
};
const whole = blobs(0xa0, 0xc0, 1, 2);
const pathOf = (n: number) => `blobs/sha256/${digest(n).slice(7)}`;

describe('exporting images', () => {
  it('holds them, sends them, and lets go', () => {
    const { story, facts, world } = exporting([...whole, named(sloop)], 'oci');
    expect(story).toEqual([
      '+transfer-started lease-created',
      '+lease-resource-added',
      'read-document:a0',
      'send-archive',
      '+transfer-finished lease-deleted',
    ]);
    expect(facts[2]).toMatchObject({ data: { resource: { type: 'content', id: digest(0xa0) } } });
    expect(facts.at(-2)).toMatchObject({ data: { digest: digest(0xa0), bytes: 4096 } });
    expect([world.lease.size, world.transfer.size]).toEqual([0, 0]);
  });

  it('lays an OCI archive out with its documents first and its blobs once, by digest', () => {
    const past = [...whole, named(sloop), named('ghcr.io/a/b:2'), named(`docker.io/a/c@${digest(0xa0)}`)];
    const { texts, paths } = exporting(past, 'oci');
    expect(paths).toEqual(['oci-layout', 'index.json', ...[1, 2, 0xa0, 0xc0].map(pathOf)]);
    expect(texts['oci-layout']).toEqual({ imageLayoutVersion: '1.0.0' });
    const annotations = texts['index.json'].manifests.map((one: Record<string, unknown>) => one.annotations);
    expect(annotations).toHaveLength(3);
    expect(annotations).toContainEqual({
      'io.containerd.image.name': sloop,
      'org.opencontainers.image.ref.name': '1',
    });
    expect(annotations).toContainEqual({ 'io.containerd.image.name': `docker.io/a/c@${digest(0xa0)}` });
  });

  it('gives docker plain layers, one entry for all names of an image, and its own short names', () => {
    const past = [
      ...whole,
      named(sloop),
      named('docker.io/fleet/sloop:2'),
      named(`docker.io/a/c@${digest(0xa0)}`),
    ];
    const { texts, sent } = exporting(past, 'docker');
    const [entry, ...others] = texts['manifest.json'];
    expect(others).toEqual([]);
    expect(entry.Layers).toEqual([0x101, 0x102].map((n) => `${digest(n).slice(7)}/layer.tar`));
    expect([...entry.RepoTags].sort()).toEqual(['fleet/sloop:2', 'sloop:1']);
    expect(sent.at(-1)?.path).toBe('manifest.json');
    expect(sent).toContainEqual({ path: entry.Layers[0], layer: digest(1), diffId: digest(0x101) });
    expect(sent).toContainEqual({ path: entry.Config, blob: digest(0xc0), size: 100 });
  });

  const manifests = [
    { ...fake.manifest, digest: digest(0xa9), platform: { os: 'linux', architecture: 's390x' } },
    { ...fake.manifest, platform: { os: 'linux', architecture: 'amd64' } },
  ];
  const reading: Answers = {
    'read-document': ({ digest: which }) =>
      which === index.digest
        ? JSON.stringify({ schemaVersion: 2, manifests })
        : fake.read({ digest: which === digest(0xa9) ? digest(0xa0) : which }),
  };

  it('gives of an index what is here, under the digest of the index', () => {
    const past = [...whole, ...blobs(0xb0), named(sloop, index)];
    const { paths, texts } = exporting(past, 'oci', reading);
    expect(paths).toContain(pathOf(0xb0));
    expect(paths).not.toContain(pathOf(0xa9));
    expect(texts['index.json'].manifests[0].digest).toBe(digest(0xb0));
    expect(exporting(past, 'docker', reading).texts['manifest.json']).toHaveLength(1);
  });

  it.each([
    ['an image without its layers', [...blobs(0xa0, 0xc0), named(sloop)], 'oci', /not here as a whole/],
    ['an image without its index', [...whole, named(sloop, index)], 'oci', /not here as a whole/],
    [
      'another platform for docker',
      [...blobs(0xb0, 0xa9, 0xc0, 1, 2), named(sloop, index)],
      'docker',
      /platform.*export it as oci/,
    ],
  ] as const)('refuses %s', (_, past, format, message) => {
    const ended = exporting(past, format, reading);
    expect(ended.error).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(message),
    });
    expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
    expect(ended.world.lease.size).toBe(0);
  });

  it('refuses a broken configuration, and fails with what sending fails with', () => {
    const past = [...whole, named(sloop)];
    const broken = exporting(past, 'docker', { 'read-document': fakeImage([1, 2], { diffIds: [1] }).read });
    expect(broken.error).toMatchObject({ message: expect.stringMatching(/1 diffIDs for 2 layers/) });
    const gone = exporting(past, 'oci', {
      'send-archive': () => {
        throw new Rejection('cancelled', 'the reader went away');
      },
    });
    expect(gone.facts.at(-2)).toMatchObject({ type: 'transfer-failed', data: { code: 'cancelled' } });
    expect(gone.world.lease.size).toBe(0);
  });
});
