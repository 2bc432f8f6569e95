import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Namespaces } from '../../../src/gen/containerd/services/namespaces/v1/namespace_pb.ts';
import { Version } from '../../../src/gen/containerd/services/version/v1/version_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let namespaces: ServiceClient<typeof Namespaces>;
beforeEach(async () => {
  served = await servedStore();
  namespaces = served.client(Namespaces, { namespace: '' });
});
afterEach(() => served[Symbol.asyncDispose]());

const make = (name: string, labels: Record<string, string> = {}) =>
  namespaces.create({ namespace: { name, labels } });
const labelsOf = async (name: string) => (await namespaces.get({ name })).namespace?.labels;

it('says its version', async () => {
  expect(await served.client(Version).version({})).toMatchObject({ version: '0.0.0' });
});

it('are made once, listed and told', async () => {
  await make('build', { team: 'a' });
  await expect(make('build')).rejects.toMatchObject({ code: 'already-exists' });
  expect((await namespaces.list({})).namespaces).toMatchObject([{ name: 'build', labels: { team: 'a' } }]);
  await expect(make('no/slashes')).rejects.toMatchObject({ code: 'invalid-argument' });
});

it('have no labels where nobody made them, which is what clients ask before their first call', async () => {
  expect(await labelsOf('test')).toEqual({});
  expect((await namespaces.list({})).namespaces).toEqual([]);
});

it('have their labels replaced, or changed one by one', async () => {
  await make('build', { team: 'a', tier: '1' });
  const update = (labels: Record<string, string>, ...paths: string[]) =>
    namespaces.update({ namespace: { name: 'build', labels }, updateMask: { paths } });
  await update({ tier: '2' }, 'labels.tier');
  expect(await labelsOf('build')).toEqual({ team: 'a', tier: '2' });
  await update({}, 'labels.tier');
  expect(await labelsOf('build')).toEqual({ team: 'a' });
  await update({ only: 'this' });
  expect(await labelsOf('build')).toEqual({ only: 'this' });
  await expect(update({}, 'name')).rejects.toMatchObject({ code: 'invalid-argument' });
});

it('come into being by an update', async () => {
  await namespaces.update({ namespace: { name: 'late', labels: { a: 'b' } } });
  expect(await labelsOf('late')).toEqual({ a: 'b' });
});

it('go only while nothing lives in them', async () => {
  await make('build');
  await served.ledger.dispatch(
    [{ type: 'create-lease', namespace: 'build' as never, id: 'l' as never, labels: {} }],
    {
      actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' },
      correlation: 'test',
    },
  );
  await expect(namespaces.delete({ name: 'build' })).rejects.toMatchObject({ code: 'failed-precondition' });
  await make('empty');
  await namespaces.delete({ name: 'empty' });
  await expect(namespaces.delete({ name: 'empty' })).rejects.toMatchObject({ code: 'not-found' });
});
