import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Introspection } from '../../../src/gen/containerd/services/introspection/v1/introspection_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let introspection: ServiceClient<typeof Introspection>;
beforeEach(async () => {
  served = await servedStore();
  introspection = served.client(Introspection, { namespace: '' });
});
afterEach(() => served[Symbol.asyncDispose]());

const ids = async (...filters: string[]) =>
  (await introspection.plugins({ filters })).plugins.map(({ id }) => id);

it('tells of the process that serves', async () => {
  expect(await introspection.server({})).toMatchObject({
    pid: BigInt(process.pid),
    pidns: 1n,
    deprecations: [],
  });
});

it('tells of snapshotters what they can, and where they are', async () => {
  const { plugins } = await introspection.plugins({ filters: ['type==io.containerd.snapshotter.v1'] });
  const [overlayfs, ...others] = plugins;
  expect(overlayfs).toMatchObject({
    id: 'overlayfs',
    capabilities: ['rebase'],
    platforms: [{ os: 'linux', architecture: 'amd64' }],
  });
  expect(overlayfs?.exports.root).toMatch(/\/overlayfs$/);
  expect(overlayfs?.initErr).toBeUndefined();
  expect(others.map(({ id }) => id)).toEqual(['btrfs', 'native']);
  for (const { initErr } of others) expect(initErr?.message).toMatch(/skip plugin$/);
});

it('finds plugins by filters', async () => {
  expect(await ids('type==io.containerd.snapshotter.v1, id==overlayfs')).toEqual(['overlayfs']);
  expect(await ids('capabilities.rebase')).toEqual(['overlayfs']);
  expect(await ids('id==content', 'id==scheduler')).toEqual(['content', 'scheduler', 'content']);
  expect(await ids('id==nothing')).toEqual([]);
  await expect(ids('id=')).rejects.toMatchObject({ code: 'invalid-argument' });
});

it('names every service that is served', async () => {
  expect(await ids('type==io.containerd.grpc.v1')).toEqual([
    'containers',
    'content',
    'diff',
    'events',
    'healthcheck',
    'images',
    'introspection',
    'leases',
    'namespaces',
    'snapshots',
    'tasks',
    'version',
  ]);
});

it('tells of one plugin', async () => {
  const { plugin } = await introspection.pluginInfo({ type: 'io.containerd.runtime.v2', id: 'task' });
  expect(plugin).toMatchObject({ id: 'task', platforms: [{ os: 'linux' }] });
  await expect(introspection.pluginInfo({ type: 'a', id: 'b' })).rejects.toMatchObject({
    code: 'not-found',
  });
});
