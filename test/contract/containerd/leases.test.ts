import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { digestOf, putBlob } from '../../support/content-writer.ts';

let served: ServedStore;
let leases: ServiceClient<typeof Leases>;
let content: ServiceClient<typeof Content>;
beforeEach(async () => {
  served = await servedStore();
  leases = served.client(Leases);
  content = served.client(Content, { lease: 'mine' });
});
afterEach(() => served[Symbol.asyncDispose]());

const ids = async (...filters: string[]) => (await leases.list({ filters })).leases.map(({ id }) => id);
const held = async (id: string) =>
  (await leases.listResources({ id })).resources.map(({ type, id }) => `${type} ${id}`);
const there = async () => {
  const digests: string[] = [];
  for await (const { info } of content.list({})) digests.push(...info.map(({ digest }) => digest));
  return digests;
};
const [parent, child] = ['parent', 'child'].map(digestOf) as [string, string];
const refersToChild = { 'containerd.io/gc.ref.content.0': child };
/** A time so many milliseconds from now, as containerd's clients write it. */
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

describe('a lease', () => {
  it('is made once, under an id of its own or a made-up one', async () => {
    const { lease } = await leases.create({ id: 'mine', labels: { a: 'b', empty: '' } });
    expect(lease).toMatchObject({ id: 'mine', labels: { a: 'b' } });
    expect(Number(lease?.createdAt?.seconds)).toBeGreaterThan(1_700_000_000);
    await expect(leases.create({ id: 'mine' })).rejects.toMatchObject({ code: 'already-exists' });
    const made = [await leases.create({}), await leases.create({})].map(({ lease }) => lease?.id ?? '');
    expect(new Set(made).size).toBe(2);
    expect(await ids()).toEqual(['mine', ...made].sort());
  });

  it('belongs to a namespace', async () => {
    await leases.create({ id: 'mine' });
    const elsewhere = served.client(Leases, { namespace: 'other' });
    expect((await elsewhere.list({})).leases).toEqual([]);
    await elsewhere.create({ id: 'mine' });
    const nowhere = served.client(Leases, { namespace: '' });
    await expect(nowhere.list({})).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('is the first where a call names several, as a client does that has one within another', async () => {
    await leases.create({ id: 'mine' });
    await putBlob(served.client(Content, { lease: ['mine', 'gone'] }), 'child');
    expect(await held('mine')).toContain(`content ${child}`);
    const astray = putBlob(served.client(Content, { lease: ['gone', 'mine'] }), 'parent');
    await expect(astray).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is found by filters', async () => {
    await leases.create({ id: 'one', labels: { team: 'a' } });
    await leases.create({ id: 'two', labels: { 'team.x/y': 'b' } });
    expect(await ids('id==one')).toEqual(['one']);
    expect(await ids('labels.team')).toEqual(['one']);
    expect(await ids('labels."team.x/y"==b')).toEqual(['two']);
    expect(await ids('id==one', 'id~=t.o')).toEqual(['one', 'two']);
    await expect(ids('id=')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is deleted once', async () => {
    await leases.create({ id: 'mine' });
    await leases.delete({ id: 'mine' });
    await expect(leases.delete({ id: 'mine' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('takes hold and lets go, of what is there and of what is not', async () => {
    await leases.create({ id: 'mine' });
    const resources = [
      { type: 'snapshots/overlayfs', id: 'layer' },
      { type: 'ingests', id: 'ref' },
      { type: 'content', id: child },
    ];
    for (const resource of resources) await leases.addResource({ id: 'mine', resource });
    await leases.addResource({ id: 'mine', resource: { type: 'content', id: child } });
    expect(await held('mine')).toEqual([`content ${child}`, 'ingests ref', 'snapshots/overlayfs layer']);
    for (const resource of resources) await leases.deleteResource({ id: 'mine', resource });
    await leases.deleteResource({ id: 'mine', resource: { type: 'ingests', id: 'ref' } });
    expect(await held('mine')).toEqual([]);
  });

  it('refuses what leases can not hold, and knows only leases that are there', async () => {
    await leases.create({ id: 'mine' });
    const add = (type: string, id: string) => leases.addResource({ id: 'mine', resource: { type, id } });
    await expect(add('moons', 'io')).rejects.toMatchObject({ code: 'unimplemented' });
    for (const [type, id] of [
      ['', 'x'],
      ['snapshots', 'x'],
      ['snapshots/a/b', 'x'],
      ['content/x', child],
      ['content', 'no digest'],
      ['ingests', ''],
    ] as const) {
      await expect(add(type, id)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    const resource = { type: 'ingests', id: 'ref' };
    const gone = { code: 'not-found' };
    await expect(leases.addResource({ id: 'gone', resource })).rejects.toMatchObject(gone);
    await expect(leases.deleteResource({ id: 'gone', resource })).rejects.toMatchObject(gone);
    await expect(leases.listResources({ id: 'gone' })).rejects.toMatchObject(gone);
  });
});

describe('collecting', () => {
  const collect = async () => {
    await leases.create({ id: 'broom' });
    await leases.delete({ id: 'broom', sync: true });
  };

  it('is done when a synchronous delete answers', async () => {
    await leases.create({ id: 'mine' });
    await putBlob(content, 'child');
    await collect();
    expect(await there()).toEqual([child]);
    await leases.delete({ id: 'mine', sync: true });
    expect(await there()).toEqual([]);
  });

  it('spares what a leased thing refers to', async () => {
    await leases.create({ id: 'mine' });
    await putBlob(content, 'parent', { labels: refersToChild });
    await putBlob(served.client(Content), 'child');
    await collect();
    expect(await there()).toEqual([child, parent].sort());
  });

  it('takes a lease whose time is over, and not one that has no time that can be read', async () => {
    await leases.create({ id: 'over', labels: { 'containerd.io/gc.expire': inMs(-1000) } });
    await leases.create({ id: 'later', labels: { 'containerd.io/gc.expire': inMs(60_000) } });
    await leases.create({ id: 'strange', labels: { 'containerd.io/gc.expire': 'tomorrow' } });
    await collect();
    expect(await ids()).toEqual(['later', 'strange']);
  });
});
