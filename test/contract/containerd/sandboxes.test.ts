import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Store } from '../../../src/gen/containerd/services/sandbox/v1/sandbox_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let store: ServiceClient<typeof Store>;
beforeEach(async () => {
  served = await servedStore();
  store = served.client(Store);
});
afterEach(() => served[Symbol.asyncDispose]());

const any = (typeUrl: string, ...value: number[]) => ({ typeUrl, value: new Uint8Array(value) });
const runtime = { name: 'io.containerd.kata.v2', options: any('o', 8, 1) };
const spec = { typeUrl: 'spec', value: Buffer.from('{"hostname":"ü"}') };
const make = (sandboxId: string, more: object = {}) =>
  store.create({ sandbox: { sandboxId, runtime, ...more } });
const get = async (sandboxId: string) => (await store.get({ sandboxId })).sandbox;

describe('a sandbox', () => {
  it('is kept as it was given, byte for byte', async () => {
    await make('pod', {
      spec,
      labels: { a: '1' },
      extensions: { note: any('x', 255, 0) },
      sandboxer: 'shim',
    });
    const found = await get('pod');
    expect(found).toMatchObject({ sandboxId: 'pod', labels: { a: '1' }, sandboxer: 'shim' });
    expect(found?.runtime?.name).toBe(runtime.name);
    expect([...(found?.runtime?.options?.value ?? [])]).toEqual([8, 1]);
    expect(Buffer.from(found?.spec?.value ?? []).toString()).toBe('{"hostname":"ü"}');
    expect([...(found?.extensions.note?.value ?? [])]).toEqual([255, 0]);
    expect(found?.createdAt?.seconds).toBe(found?.updatedAt?.seconds);
  });
  it('is made once, and told from what is not there', async () => {
    await make('pod');
    await expect(make('pod')).rejects.toMatchObject({ code: 'already-exists' });
    await expect(get('other')).rejects.toMatchObject({ code: 'not-found' });
    await expect(make('no/id')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(store.create({})).rejects.toMatchObject({ code: 'invalid-argument' });
  });
  it('lives in its namespace, which is not empty then', async () => {
    await make('pod');
    const elsewhere = served.client(Store, { namespace: 'other' });
    expect((await elsewhere.list({})).list).toEqual([]);
    expect(served.ledger.durable.world.population.get('default')).toBe(1);
  });
  it('goes once', async () => {
    await make('pod');
    await store.delete({ sandboxId: 'pod' });
    await expect(store.delete({ sandboxId: 'pod' })).rejects.toMatchObject({ code: 'not-found' });
  });
  it('is an event with its caller', async () => {
    await make('pod');
    const last = served.ledger.durable.world.sandbox.records.get('default/pod');
    expect(last?.runtime.name).toBe(runtime.name);
    for await (const batch of served.log.read({ to: served.log.durable })) {
      const [event] = batch.filter(({ type }) => type === 'sandbox-created');
      if (event) expect(event.meta.actor).toMatchObject({ pid: process.pid, uid: process.getuid?.() });
    }
  });
});

it('are listed by id, filtered', async () => {
  await make('b', { labels: { tier: 'x' } });
  await make('a', { sandboxer: 'shim' });
  const ids = async (...filters: string[]) =>
    (await store.list({ filters })).list.map(({ sandboxId }) => sandboxId);
  expect(await ids()).toEqual(['a', 'b']);
  expect(await ids('labels.tier==x')).toEqual(['b']);
  expect(await ids('sandboxer==shim', 'id==b')).toEqual(['a', 'b']);
  expect(await ids('runtime.name~=kata')).toEqual(['a', 'b']);
  await expect(ids('id=')).rejects.toMatchObject({ code: 'invalid-argument' });
});

describe('an update', () => {
  beforeEach(() =>
    make('pod', { labels: { a: '1', b: '2' }, extensions: { x: any('x'), y: any('y') }, spec }),
  );
  const update = (sandbox: object, ...fields: string[]) =>
    store.update({ sandbox: { sandboxId: 'pod', ...sandbox }, fields });

  it('changes what its fields name', async () => {
    await update({ labels: { a: '9' } }, 'labels.a');
    expect((await get('pod'))?.labels).toEqual({ a: '9', b: '2' });
    await update({ labels: { c: '3' } }, 'labels');
    expect((await get('pod'))?.labels).toEqual({ c: '3' });
    await update({ extensions: { x: any('z') } }, 'extensions.x', 'extensions.y');
    expect(Object.keys((await get('pod'))?.extensions ?? {})).toEqual(['x']);
    await update({ runtime: { name: 'other.v1' } }, 'runtime');
    expect((await get('pod'))?.runtime?.name).toBe('other.v1');
  });
  it('changes all without fields, but for the name of the runtime', async () => {
    await update({ runtime, labels: { d: '4' } });
    expect(await get('pod')).toMatchObject({ labels: { d: '4' }, extensions: {} });
    await expect(update({ runtime: { name: 'other.v1' } })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: /Runtime.Name field is immutable/,
    });
  });
  it('refuses other fields, and what is not there', async () => {
    await expect(update({}, 'sandboxer')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(store.update({ sandbox: { sandboxId: 'gone' }, fields: ['labels'] })).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});
