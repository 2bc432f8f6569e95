import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { Introspection } from '../../../src/gen/containerd/services/introspection/v1/introspection_pb.ts';
import { RuntimeRequestSchema } from '../../../src/gen/containerd/types/introspection_pb.ts';
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
  const overlayfs = plugins.find(({ id }) => id === 'overlayfs');
  expect(overlayfs).toMatchObject({
    id: 'overlayfs',
    capabilities: ['rebase'],
    platforms: [{ os: 'linux', architecture: 'amd64' }],
  });
  expect(overlayfs?.exports.root).toMatch(/\/overlayfs$/);
  expect(overlayfs?.initErr).toBeUndefined();
  expect(plugins.find(({ id }) => id === 'native')?.exports.root).toMatch(/\/native$/);
  const left = plugins.filter(({ initErr }) => initErr !== undefined);
  expect(left.map(({ id }) => id).sort()).toEqual(['aufs', 'btrfs', 'devmapper', 'zfs']);
  for (const { initErr } of left) expect(initErr?.message).toMatch(/skip plugin$/);
});

it('finds plugins by filters', async () => {
  expect(await ids('type==io.containerd.snapshotter.v1, id==overlayfs')).toEqual(['overlayfs']);
  expect(await ids('capabilities.rebase')).toEqual(['overlayfs']);
  expect(await ids('capabilities."on-failure"')).toEqual(['restart']);
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
    'mounts',
    'namespaces',
    'sandbox-controllers',
    'sandboxes',
    'snapshots',
    'streaming',
    'tasks',
    'transfer',
    'version',
  ]);
});

it('asks the shim of a runtime about itself', async () => {
  const task = { type: 'io.containerd.runtime.v2', id: 'task' };
  const request = create(RuntimeRequestSchema, {
    runtimePath: '/opt/shim',
    options: { typeUrl: 'containerd.runc.v1.Options', value: new Uint8Array([50, 1, 120]) },
  });
  const { plugin, extra } = await introspection.pluginInfo({
    ...task,
    options: anyPack(RuntimeRequestSchema, request),
  });
  expect(plugin?.id).toBe('task');
  expect(extra?.typeUrl).toBe('containerd.types.RuntimeInfo');
  expect(Buffer.from(extra?.value ?? []).toString()).toBe(
    '/opt/shim {"typeUrl":"containerd.runc.v1.Options","base64":"MgF4"}',
  );
  expect((await introspection.pluginInfo(task)).extra).toBeUndefined();
  const other = { typeUrl: 'some.Thing', value: new Uint8Array() };
  await expect(introspection.pluginInfo({ ...task, options: other })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  await expect(
    introspection.pluginInfo({
      type: 'io.containerd.content.v1',
      id: 'content',
      options: anyPack(RuntimeRequestSchema, request),
    }),
  ).rejects.toMatchObject({ code: 'unimplemented' });
});

it('tells of one plugin', async () => {
  const { plugin } = await introspection.pluginInfo({ type: 'io.containerd.runtime.v2', id: 'task' });
  expect(plugin).toMatchObject({ id: 'task', platforms: [{ os: 'linux' }] });
  await expect(introspection.pluginInfo({ type: 'a', id: 'b' })).rejects.toMatchObject({
    code: 'not-found',
  });
});
