import { describe, expect, it } from 'vitest';
import { Namespace } from '../../../src/domain/identity.ts';
import { ImageReference } from '../../../src/domain/image-reference.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import type { Applied } from '../../../src/workflows/effects.ts';
import { pull } from '../../../src/workflows/pull.ts';
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
const request = { namespace, reference: ImageReference.parse('registry.example/fleet/sloop:1') };
const image = fakeImage([1, 2]);

const applied = (n: number): Applied => ({ diffId: diffIdOf(n + 0x100), usage: { bytes: 10, inodes: 1 } });
const numberOf = ({ digest: text }: { readonly digest: string }) => Number.parseInt(text.slice(-4), 16);

const answers: Answers = {
  'resolve-image': () => image.manifest,
  'fetch-blob': ({ descriptor }) => descriptor.size,
  'read-document': image.read,
  'make-snapshot': () => undefined,
  'fetch-layer': ({ descriptor }) => ({ moved: descriptor.size, applied: applied(numberOf(descriptor)) }),
  'settle-layers': () => undefined,
};
const pulling = (more: Answers = {}, circumstances: Circumstances = {}) =>
  play(pull(request), { ...circumstances, answers: { ...answers, ...more } });

/** However a pull ends, nothing of it is under way any more. */
const nothingLeft = ({ world }: ReturnType<typeof pulling>) => {
  expect([...world.lease.values()]).toEqual([]);
  expect([...world.transfer.values()]).toEqual([]);
};

const start = '+transfer-started lease-created';
const announced = '+ingest-started lease-resource-added';
const named = '+blob-committed lease-resource-added';
const prepared = '+snapshot-prepared lease-resource-added';

describe('pulling an image', () => {
  it('announces, fetches and names each blob, the largest layer first, then commits the layers in order and names the image last', () => {
    const { story, result, world, ...rest } = pulling();
    expect(story).toEqual([
      start,
      'resolve-image',
      ...[announced, 'fetch-blob:a0', named, 'read-document:a0', '+blob-labelled'],
      ...[announced, 'fetch-blob:c0', named, 'read-document:c0'],
      ...['make-snapshot', prepared, announced, 'fetch-layer:2', named],
      ...['make-snapshot', prepared, announced, 'fetch-layer:1', named],
      'settle-layers',
      '+snapshot-committed lease-resource-added snapshot-committed lease-resource-added',
      '+blob-labelled',
      '+image-created',
      '+transfer-finished lease-deleted',
    ]);
    expect(result).toEqual({
      name: 'registry.example/fleet/sloop:1',
      target: image.manifest,
      upToDate: false,
    });
    const keys = [...world.snapshot.values()].map(({ key, parent, kind }) => [key, parent, kind]);
    expect(keys).toEqual([
      ['chain 101', undefined, 'committed'],
      ['chain 101 102', 'chain 101', 'committed'],
    ]);
    expect(world.content.blobs.get(`default/${digest(0xc0)}`)?.labels).toMatchObject({
      'containerd.io/gc.ref.snapshot.overlayfs': 'chain 101 102',
    });
    expect(rest.facts.at(-2)).toMatchObject({
      data: { digest: digest(0xa0), bytes: 100 + 100 + 1001 + 1002 },
    });
    nothingLeft({ story, world, ...rest });
  });

  it('moves nothing that is there already', () => {
    const again = pulling({}, { world: pulling().world });
    expect(again.result).toMatchObject({ upToDate: true });
    expect(again.story.filter((line) => /fetch|apply|make|ingest|image-/.test(line))).toEqual([]);
    expect(again.story.at(-1)).toBe('+transfer-finished lease-deleted');
    nothingLeft(again);
  });

  it('fetches of an index what suits the platform, and keeps that alone', () => {
    const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(0xb0), size: 300 };
    const manifests = [
      { ...image.manifest, digest: digest(0xa9), platform: { os: 'linux', architecture: 's390x' } },
      { ...image.manifest, platform: { os: 'linux', architecture: 'amd64' } },
    ];
    const { story, world, result } = pulling({
      'resolve-image': () => index,
      'read-document': ({ digest: which }) =>
        which === index.digest
          ? JSON.stringify({ schemaVersion: 2, manifests })
          : image.read({ digest: which }),
    });
    expect(story.filter((line) => line.startsWith('fetch-'))).toEqual([
      ...['b0', 'a0', 'c0'].map((of) => `fetch-blob:${of}`),
      ...['2', '1'].map((of) => `fetch-layer:${of}`),
    ]);
    expect(world.content.blobs.get(`default/${digest(0xb0)}`)?.labels).toMatchObject({
      'containerd.io/gc.ref.content.m.1': digest(0xa0),
    });
    expect(result).toMatchObject({ target: index });
  });

  it('says which platforms there are where none suits', () => {
    const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(0xb0), size: 300 };
    const manifests = [{ ...image.manifest, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }];
    const ended = pulling({
      'resolve-image': () => index,
      'read-document': () => JSON.stringify({ schemaVersion: 2, manifests }),
    });
    expect(ended.error).toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/for linux\/amd64; it has linux\/arm\/v7; .*--platform/),
    });
    expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
    nothingLeft(ended);
  });

  it('unpacks a layer that builds on lower ones once those are committed', () => {
    const top: (readonly string[] | undefined)[] = [];
    const { story, result } = pulling({
      'fetch-layer': ({ descriptor, parents }) => {
        const number = numberOf(descriptor);
        if (number === 2) top.push(parents);
        return { moved: descriptor.size, applied: number === 2 ? 'needs-parents' : applied(number) };
      },
      'apply-layer': ({ layer, parents }) => {
        top.push(parents);
        return applied(numberOf(layer));
      },
    });
    const tail = story.slice(story.lastIndexOf('apply-layer:2') - 2);
    expect(tail.slice(0, 5)).toEqual([
      'settle-layers',
      '+snapshot-committed lease-resource-added',
      'apply-layer:2',
      'settle-layers',
      '+snapshot-committed lease-resource-added',
    ]);
    expect(top).toEqual([undefined, [expect.stringMatching(/^n\d+$/)]]);
    expect(result).toBeDefined();
  });

  it('lets go of what it unpacked where another pull was first', () => {
    const at = { namespace: 'default', snapshotter: 'overlayfs' } as const;
    const usage = { bytes: 10, inodes: 1 };
    const { story, result, world } = pulling({
      'fetch-layer': ({ descriptor }, { happen }) => {
        if (numberOf(descriptor) === 1) {
          happen(
            { type: 'prepare-snapshot', ...at, key: 'theirs', id: 'theirs', kind: 'active', labels: {} },
            { type: 'commit-snapshot', ...at, key: 'theirs', name: 'chain 101', usage, labels: {} },
          );
        }
        return { moved: descriptor.size, applied: applied(numberOf(descriptor)) };
      },
    });
    expect(result).toBeDefined();
    expect(story).toContain('+lease-resource-added snapshot-removed snapshot-committed lease-resource-added');
    expect([...world.snapshot.values()].map(({ key, id }) => [key, id])).toEqual([
      ['chain 101', 'theirs'],
      ['chain 101 102', expect.stringMatching(/^n\d+$/)],
    ]);
  });

  const failures: readonly (readonly [string, Answers, string, RegExp])[] = [
    [
      'a layer that unpacks to something else',
      { 'fetch-layer': () => ({ moved: 1, applied: applied(7) }) },
      'failed-precondition',
      /says sha256:/,
    ],
    [
      'a registry that is not there',
      { 'resolve-image': () => refuse('unavailable', 'down') },
      'unavailable',
      /^down$/,
    ],
    [
      'a layer that breaks',
      { 'fetch-layer': () => refuse('unavailable', 'reset') },
      'unavailable',
      /^reset$/,
    ],
    ['a disk that fails', { 'settle-layers': () => refuse('unavailable', 'EIO') }, 'unavailable', /^EIO$/],
    ['a fetch that breaks', { 'fetch-blob': () => refuse('unavailable', 'reset') }, 'unavailable', /^reset$/],
    [
      'a full disk',
      { 'make-snapshot': () => refuse('resource-exhausted', 'full') },
      'resource-exhausted',
      /^full$/,
    ],
    ['a manifest that is not JSON', { 'read-document': () => '{' }, 'failed-precondition', /is not JSON/],
    [
      'a manifest of the wrong shape',
      { 'read-document': () => '{"schemaVersion":1}' },
      'failed-precondition',
      /malformed at 'schemaVersion'/,
    ],
    [
      'an answer of another kind',
      { 'resolve-image': () => ({ ...image.manifest, mediaType: 'text/html' }) },
      'unimplemented',
      /'text\/html'/,
    ],
    [
      'a manifest that is too long',
      { 'resolve-image': () => ({ ...image.manifest, size: 9_000_000 }) },
      'resource-exhausted',
      /9000000 bytes/,
    ],
    [
      'diffIDs for other layers',
      { 'read-document': fakeImage([1, 2], { diffIds: [1] }).read },
      'failed-precondition',
      /1 diffIDs for 2 layers/,
    ],
    [
      'a layer that asks for parents for ever',
      {
        'fetch-layer': () => ({ moved: 1, applied: 'needs-parents' }),
        'apply-layer': () => 'needs-parents' as const,
      },
      'internal',
      /asks for parents that it was given/,
    ],
  ];
  it.each(failures)('ends its transfer and its lease on %s', (_, wrong, code, message) => {
    const ended = pulling(wrong);
    expect(ended.error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
    expect(ended.facts.at(-2)).toMatchObject({ data: { code, error: expect.stringMatching(message) } });
    expect([...ended.world.image.values()]).toEqual([]);
    nothingLeft(ended);
  });

  it('ends its transfer and its lease wherever it is cancelled', () => {
    const whole = pulling().story;
    for (const line of new Set(whole.slice(0, -1))) {
      const ended = pulling({}, { cancelAfter: line });
      expect(ended.error).toMatchObject({ code: 'cancelled' });
      expect(ended.story.at(-1)).toBe('+transfer-failed lease-deleted');
      nothingLeft(ended);
    }
  });

  it('names a layer that was fetched before it says why it could not be unpacked', () => {
    const wrong = new Rejection('failed-precondition', 'not a tar');
    const ended = pulling({
      'fetch-layer': ({ descriptor }) => ({ moved: descriptor.size, applied: wrong }),
    });
    expect(ended.error).toBe(wrong);
    expect(ended.story).toContain(named);
    expect(ended.world.content.blobs.has(`default/${digest(2)}`)).toBe(true);
    expect([...ended.world.content.ingests.values()]).toEqual([]);
    nothingLeft(ended);
  });

  it('leaves an unfinished fetch for the next try to go on from', () => {
    const ended = pulling({ 'fetch-blob': () => refuse('unavailable', 'reset') });
    expect([...ended.world.content.ingests.values()]).toMatchObject([{ ref: `fetch-${digest(0xa0)}` }]);
    const again = pulling({}, { world: ended.world });
    expect(again.story.filter((line) => line.includes('ingest-started'))).toHaveLength(3);
    expect([...again.world.content.ingests.values()]).toEqual([]);
    expect(again.result).toMatchObject({ upToDate: false });
  });
});

const refuse = (code: Rejection['code'], message: string): never => {
  throw new Rejection(code, message);
};
