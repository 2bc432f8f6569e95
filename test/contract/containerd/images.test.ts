import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Images } from '../../../src/gen/containerd/services/images/v1/images_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { digestOf, putBlob } from '../../support/content-writer.ts';

let served: ServedStore;
let images: ServiceClient<typeof Images>;
let content: ServiceClient<typeof Content>;
beforeEach(async () => {
  served = await servedStore();
  images = served.client(Images);
  content = served.client(Content);
});
afterEach(() => served[Symbol.asyncDispose]());

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const target = { mediaType, digest: digestOf('manifest'), size: 8n, annotations: { kept: 'yes' } };
const moved = { ...target, digest: digestOf('other'), annotations: {} };
const make = (name: string, labels: Record<string, string> = {}) =>
  images.create({ image: { name, target, labels } });
const get = async (name: string) => (await images.get({ name })).image;
const names = async (...filters: string[]) => (await images.list({ filters })).images.map(({ name }) => name);
const digests = async () => {
  const all: string[] = [];
  for await (const { info } of content.list({})) all.push(...info.map(({ digest }) => digest));
  return all;
};

describe('an image', () => {
  it('is made once under just the name that was given', async () => {
    const { image } = await make('busybox', { a: 'b', empty: '' });
    expect(image).toMatchObject({ name: 'busybox', target, labels: { a: 'b' } });
    expect(image?.createdAt).toEqual(image?.updatedAt);
    expect(await get('busybox')).toEqual(image);
    await expect(make('busybox')).rejects.toMatchObject({ code: 'already-exists' });
    await expect(images.get({ name: 'docker.io/library/busybox:latest' })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it.each([
    ['no name', { target }],
    ['no target', { name: 'x' }],
    ['no size', { name: 'x', target: { ...target, size: 0n } }],
    ['no media type', { name: 'x', target: { ...target, mediaType: '' } }],
    ['no digest', { name: 'x', target: { ...target, digest: 'sha256:ab' } }],
    ['a label too long', { name: 'x', target, labels: { a: 'x'.repeat(4096) } }],
  ])('is refused with %s', async (_, image) => {
    await expect(images.create({ image })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(images.update({ image })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('belongs to a namespace', async () => {
    await make('busybox');
    const elsewhere = served.client(Images, { namespace: 'other' });
    expect((await elsewhere.list({})).images).toEqual([]);
    await expect(elsewhere.get({ name: 'busybox' })).rejects.toMatchObject({ code: 'not-found' });
    const nowhere = served.client(Images, { namespace: '' });
    await expect(nowhere.list({})).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('is listed by name and found by filters', async () => {
    await make('two', { 'a.b/c': 'd' });
    await make('one');
    await images.create({ image: { name: 'three', target: moved } });
    expect(await names()).toEqual(['one', 'three', 'two']);
    expect(await names('name==one', 'name==two')).toEqual(['one', 'two']);
    expect(await names('name~=^t')).toEqual(['three', 'two']);
    expect(await names(`target.digest==${moved.digest}`)).toEqual(['three']);
    expect(await names(`target.mediatype==${mediaType},labels."a.b/c"==d`)).toEqual(['two']);
    expect(await names('annotations.kept')).toEqual(['one', 'two']);
    await expect(names('name==')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is changed by parts', async () => {
    await make('busybox', { a: '1', b: '2' });
    const update = async (image: object, ...paths: string[]) =>
      (await images.update({ image: { name: 'busybox', ...image }, updateMask: { paths } })).image;
    expect(await update({ labels: { a: '3' } }, 'labels.a')).toMatchObject({
      target,
      labels: { a: '3', b: '2' },
    });
    expect((await update({}, 'labels.a'))?.labels).toEqual({ b: '2' });
    expect((await update({ labels: { c: '4' } }, 'labels'))?.labels).toEqual({ c: '4' });
    const onlyMoved = await update({ target: moved, labels: { not: 'this' } }, 'target');
    expect(onlyMoved).toMatchObject({ target: moved, labels: { c: '4' } });
    const annotated = { target: { annotations: { x: 'y', not: 'this' } } };
    expect((await update(annotated, 'annotations.x'))?.target).toMatchObject({
      ...moved,
      annotations: { x: 'y' },
    });
    expect((await update({ target: {} }, 'annotations'))?.target?.annotations).toEqual({});
    await expect(update({}, 'created_at')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is replaced as a whole without a mask, but for when it was made', async () => {
    const { image } = await make('busybox', { a: '1' });
    const { image: after } = await images.update({
      image: { name: 'busybox', target: moved, labels: { b: '2' } },
    });
    expect(after).toMatchObject({ target: moved, labels: { b: '2' }, createdAt: image?.createdAt });
    await expect(images.update({ image: { name: 'gone', target } })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('is deleted once, and what it kept with it when that is asked for', async () => {
    const digest = await putBlob(content, 'manifest');
    await make('one');
    await make('two');
    await images.delete({ name: 'one', sync: true });
    expect(await digests()).toEqual([digest]);
    await images.delete({ name: 'two' });
    expect(await digests()).toEqual([digest]);
    await make('three');
    await images.delete({ name: 'three', sync: true });
    expect(await digests()).toEqual([]);
    await expect(images.delete({ name: 'three' })).rejects.toMatchObject({ code: 'not-found' });
  });
});
