import { describe, expect, it } from 'vitest';
import { ImageName, Namespace } from '../../../src/domain/identity.ts';
import { ImageReference } from '../../../src/domain/image-reference.ts';
import { findImage } from '../../../src/domain/images.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import { originLabelName } from '../../../src/workflows/documents.ts';
import { push } from '../../../src/workflows/push.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';
import { type Answers, digestOf, fakeImage, play } from '../../support/workflow.ts';

const namespace = Namespace.parse('default');
const name = 'registry.example/fleet/sloop:1';
const fake = fakeImage([1, 2]);
const index = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(0xb0), size: 300 };

const blob = (n: number, labels: Record<string, string> = {}): EventInput => ({
  type: 'blob-committed',
  data: { namespace: 'default', digest: digest(n), size: 100, labels },
});
const named = (target = fake.manifest): EventInput => ({
  type: 'image-created',
  data: { namespace: 'default', name, target, labels: {} },
});
const single: readonly EventInput[] = [...[0xa0, 0xc0, 1, 2].map((n) => blob(n)), named()];

const answers: Answers = {
  'read-document': fake.read,
  'push-blob': ({ descriptor }) => descriptor.size,
  'push-manifest': ({ descriptor }) => descriptor.size,
};
const pushing = (past: readonly EventInput[], more: Answers = {}, to = name) => {
  const image = findImage(worldOf(log(...past)).image, namespace, ImageName.parse(name));
  if (!image) throw new Error('the past has no image');
  const request = { namespace, image, reference: ImageReference.parse(to) };
  return play(push(request), { past, answers: { ...answers, ...more } });
};
const indexOf = (...manifests: readonly { digest: string; architecture: string }[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    manifests: manifests.map(({ digest: which, architecture }) => ({
      ...fake.manifest,
      digest: which,
      platform: { os: 'linux', architecture },
    })),
  });

describe('pushing an image', () => {
  it('sends the name last, so that the registry never has a name for what it has not', () => {
    const { story, result, facts, world } = pushing(single);
    expect(story).toEqual([
      '+transfer-started lease-created',
      'read-document:a0',
      ...['c0', '1', '2'].map((of) => `push-blob:${of}`),
      'push-manifest:a0',
      '+transfer-finished lease-deleted',
    ]);
    expect(result).toEqual({ name, target: fake.manifest });
    expect(facts.at(-2)).toMatchObject({ data: { bytes: 100 + 1001 + 1002 + 100 } });
    expect(world.lease.size).toBe(0);
  });

  it('sends a blob once that the image has twice', () => {
    const twice = fakeImage([1, 1]);
    expect(
      pushing(single, { 'read-document': twice.read }).story.filter((line) => line === 'push-blob:1'),
    ).toEqual(['push-blob:1']);
  });

  it('offers the repositories of the same registry that a blob came from', () => {
    const from = { 'containerd.io/distribution.source.registry.example': 'base/debian,fleet/sloop' };
    const offered: (readonly string[])[] = [];
    pushing([...[0xa0, 0xc0, 2].map((n) => blob(n)), blob(1, from), named()], {
      'push-blob': ({ descriptor, mountFrom }) => {
        if (descriptor.digest === digest(1)) offered.push(mountFrom);
        return 0;
      },
    });
    expect(offered).toEqual([['base/debian']]);
  });

  it('remembers repositories by host alone, as containerd does', () => {
    expect(originLabelName('127.0.0.1:5000')).toBe('containerd.io/distribution.source.127.0.0.1');
    expect(originLabelName('[::1]:5000')).toBe('containerd.io/distribution.source.[::1]');
    expect(originLabelName('docker.io')).toBe('containerd.io/distribution.source.docker.io');
  });

  it('sends a whole index after all its manifests, those by digest', () => {
    const past = [...[0xb0, 0xa0, 0xc0, 1, 2].map((n) => blob(n)), named(index)];
    const how: unknown[] = [];
    const { result } = pushing(past, {
      'read-document': ({ digest: which }) =>
        which === index.digest
          ? indexOf({ digest: digest(0xa0), architecture: 'amd64' })
          : fake.read({ digest: which }),
      'push-manifest': ({ descriptor, byDigest }) => {
        how.push([descriptor.digest, byDigest]);
        return 0;
      },
    });
    expect(how).toEqual([
      [digest(0xa0), true],
      [digest(0xb0), false],
    ]);
    expect(result?.target).toEqual(index);
  });

  it('sends only the manifest for this host where the others of an index are not here', () => {
    const past = [...[0xb0, 0xa0, 0xc0, 1, 2].map((n) => blob(n)), named(index)];
    const both = indexOf(
      { digest: digest(0xa9), architecture: 's390x' },
      { digest: digest(0xa0), architecture: 'amd64' },
    );
    const { story, result } = pushing(past, {
      'read-document': ({ digest: which }) => (which === index.digest ? both : fake.read({ digest: which })),
    });
    expect(story.filter((line) => line.startsWith('push-manifest'))).toEqual(['push-manifest:a0']);
    expect(result?.target.digest).toBe(digest(0xa0));
    const none = pushing([blob(0xb0), named(index)], { 'read-document': () => both });
    expect(none.error).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(/pull it first/),
    });
  });

  it('fails as a whole where a blob can not be sent, without the name', () => {
    const { story, error, facts } = pushing(single, {
      'push-blob': () => {
        throw new Rejection('permission-denied', 'registry.example: 403');
      },
    });
    expect(story).not.toContain('push-manifest:a0');
    expect(story.at(-1)).toBe('+transfer-failed lease-deleted');
    expect(facts.at(-2)).toMatchObject({ data: { code: 'permission-denied' } });
    expect(error).toMatchObject({ message: 'registry.example: 403' });
  });
});
