import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Containers } from '../../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let containers: ServiceClient<typeof Containers>;
beforeEach(async () => {
  served = await servedStore();
  containers = served.client(Containers);
});
afterEach(() => served[Symbol.asyncDispose]());

const specType = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
const text = '{"process": {"args": ["sh"]},  "hostname":"ü"}';
const spec = { typeUrl: specType, value: Buffer.from(text) };
const runtime = { name: 'io.containerd.runc.v2', options: { typeUrl: 'o', value: new Uint8Array([8, 1]) } };
const make = (id: string, more: object = {}) =>
  containers.create({ container: { id, spec, runtime, ...more } });
const update = (container: object, ...paths: string[]) =>
  containers.update({ container: { id: 'web', ...container }, updateMask: { paths } });
const get = async (id: string) => (await containers.get({ id })).container;

describe('a container', () => {
  it('is kept as it was given, byte for byte', async () => {
    const extensions = { note: { typeUrl: 'x', value: new Uint8Array([255, 0, 123]) } };
    const given = { image: 'any name', snapshotter: 'overlayfs', snapshotKey: 'k', labels: { a: '1' } };
    await make('web', { ...given, extensions, sandbox: 'pod' });
    const found = await get('web');
    expect(found).toMatchObject({ ...given, runtime: { name: runtime.name }, sandbox: 'pod' });
    expect([...(found?.runtime?.options?.value ?? [])]).toEqual([8, 1]);
    expect(Buffer.from(found?.spec?.value ?? []).toString()).toBe(text);
    expect([...(found?.extensions.note?.value ?? [])]).toEqual([255, 0, 123]);
    expect(found?.createdAt?.seconds).toBe(found?.updatedAt?.seconds);
  });
  it('is made once, and told from what is not there', async () => {
    await make('web');
    await expect(make('web')).rejects.toMatchObject({ code: 'already-exists', message: /already exists/ });
    await expect(get('db')).rejects.toMatchObject({ code: 'not-found', message: /not found/ });
  });
  it.each([
    ['no id', { id: '' }],
    ['an id with a slash', { id: 'a/b' }],
    ['no runtime', { runtime: undefined }],
    ['no specification', { spec: undefined }],
    ['a root without a snapshotter', { snapshotKey: 'k' }],
    [
      'more than fits in the log',
      { labels: {}, spec: { typeUrl: 's', value: Buffer.alloc(1024 * 1024, 'x') } },
    ],
  ])('is refused with %s', async (_, wrong) => {
    await expect(make('web', wrong)).rejects.toMatchObject({ code: 'invalid-argument' });
  });
  it('lives in its namespace', async () => {
    await make('web');
    const elsewhere = served.client(Containers, { namespace: 'other' });
    expect((await elsewhere.list({})).containers).toEqual([]);
    await expect(served.client(Containers, { namespace: '' }).list({})).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });
  it('goes once', async () => {
    await make('web');
    await containers.delete({ id: 'web' });
    await expect(containers.delete({ id: 'web' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a list', () => {
  it('is by id, filtered, in one answer or many', async () => {
    await make('b', { image: 'one', labels: { tier: 'x' } });
    await make('a', { image: 'two' });
    const ids = async (...filters: string[]) =>
      (await containers.list({ filters })).containers.map(({ id }) => id);
    expect(await ids()).toEqual(['a', 'b']);
    expect(await ids('image==one')).toEqual(['b']);
    expect(await ids('labels.tier')).toEqual(['b']);
    expect(await ids('runtime.name~=runc', 'id==nobody')).toEqual(['a', 'b']);
    await expect(ids('id=')).rejects.toMatchObject({ code: 'invalid-argument' });
    const streamed: string[] = [];
    for await (const { container } of containers.listStream({})) streamed.push(container?.id ?? '');
    expect(streamed).toEqual(['a', 'b']);
  });
});

describe('an update', () => {
  const value = (name: string) => ({ typeUrl: name, value: new Uint8Array([1]) });
  beforeEach(() =>
    make('web', { labels: { a: '1', b: '2' }, extensions: { x: value('x'), y: value('y') }, image: 'old' }),
  );
  it('changes what the mask names', async () => {
    await update({ labels: { a: '9' }, image: 'new' }, 'labels.a', 'image');
    expect(await get('web')).toMatchObject({ labels: { a: '9', b: '2' }, image: 'new' });
    await update({ labels: { only: 'this' } }, 'labels');
    expect((await get('web'))?.labels).toEqual({ only: 'this' });
    await update({ extensions: { x: value('z') } }, 'extensions.x', 'extensions.y');
    expect((await get('web'))?.extensions).toMatchObject({ x: { typeUrl: 'z' } });
    expect(Object.keys((await get('web'))?.extensions ?? {})).toEqual(['x']);
    await update({ snapshotKey: 'k2' }, 'snapshotkey');
    expect((await get('web'))?.snapshotKey).toBe('k2');
  });
  it('replaces all without a mask, but for what can not change', async () => {
    await update({ spec, runtime, labels: { c: '3' } });
    expect(await get('web')).toMatchObject({ labels: { c: '3' }, image: '', extensions: {} });
    await expect(update({ spec, runtime, snapshotter: 'native' })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: /Snapshotter field: is immutable/,
    });
    await expect(update({ spec, runtime: { name: 'other.v1' } })).rejects.toMatchObject({
      message: /Runtime.Name field: is immutable/,
    });
  });
  it('refuses other fields', async () => {
    await expect(update({}, 'runtime')).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
