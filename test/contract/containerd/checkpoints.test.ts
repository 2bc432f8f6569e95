import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { CheckpointOptionsSchema, OptionsSchema } from '../../../src/gen/containerd/runc/v1/options_pb.ts';
import { Containers } from '../../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Content } from '../../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Leases } from '../../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { Tasks } from '../../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import { type ServedStore, servedStore } from '../../support/containerd-client.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

let served: ServedStore;
let tasks: ServiceClient<typeof Tasks>;
const containerId = 'web';
beforeEach(async () => {
  served = await servedStore();
  await served.client(Leases).create({ id: 'l' });
  tasks = served.client(Tasks, { lease: 'l' });
  const containers = served.client(Containers);
  const spec = { typeUrl: 'spec', value: Buffer.from('{"process":{"args":["sh"]}}') };
  for (const id of [containerId, 'other']) {
    await containers.create({ container: { id, spec, runtime: { name: 'io.containerd.runc.v2' } } });
  }
});
afterEach(() => served[Symbol.asyncDispose]());

const run = async () => {
  await tasks.create({ containerId });
  await tasks.start({ containerId });
};
const bytesOf = async (digest: string): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const { data } of served.client(Content).read({ digest })) parts.push(data);
  return Buffer.concat(parts);
};
const events = async () => {
  const all: { type: string; data: unknown }[] = [];
  for await (const batch of served.log.read({})) all.push(...batch);
  return all.filter(({ type }) => type.includes('checkpoint') || type === 'task-action-failed');
};

describe('a checkpoint', () => {
  it('is an archive of images and the specification, held by the lease, and what a task goes on from', async () => {
    await run();
    const { descriptors } = await tasks.checkpoint({ containerId });
    expect(descriptors.map(({ mediaType }) => mediaType)).toEqual([
      'application/vnd.containerd.container.criu.checkpoint.criu.tar',
      'application/vnd.containerd.container.checkpoint.config.v1+proto',
    ]);
    const [images, configuration] = descriptors;
    const archive = await bytesOf(images?.digest ?? '');
    expect(archive.length).toBe(Number(images?.size));
    expect(archive.toString()).toContain('memory of web');
    expect((await bytesOf(configuration?.digest ?? '')).toString()).toContain('"args":["sh"]');
    const { resources } = await served.client(Leases).listResources({ id: 'l' });
    expect(resources.map(({ id }) => id)).toEqual(
      expect.arrayContaining(descriptors.map(({ digest }) => digest)),
    );

    if (images === undefined) throw new Error('there is nothing to go on from');
    await tasks.create({ containerId: 'other', checkpoint: images });
    const [, restored] = served.processes.orders;
    expect(restored?.images).toMatch(/\/checkpoints\/images-/);
    expect(served.processes.restored).toEqual(['memory of web']);
    expect(await events()).toMatchObject([
      { type: 'task-checkpoint-requested', data: { id: 'web', path: '' } },
      { type: 'task-checkpointed', data: { id: 'web', path: '' } },
    ]);
  });

  it('goes into the folder that its options name, and not into the content', async () => {
    const temp = makeTempDir('images');
    await run();
    const options = create(CheckpointOptionsSchema, { imagePath: temp.path, exit: true });
    const { descriptors } = await tasks.checkpoint({
      containerId,
      options: anyPack(CheckpointOptionsSchema, options),
    });
    expect(descriptors).toEqual([]);
    expect(served.processes.asked).toMatchObject([
      {
        checkpoint: 'web',
        options: { base64: Buffer.from(toBinary(CheckpointOptionsSchema, options)).toString('base64') },
      },
    ]);
    expect(await events()).toMatchObject([{ data: { path: temp.path } }, { data: { path: temp.path } }]);
    temp.remove();
  });

  it('that fails is told with the words of the runtime, and recorded', async () => {
    await run();
    served.processes.refusal = new Error('criu failed: type DUMP errno 0');
    await expect(tasks.checkpoint({ containerId })).rejects.toThrow(/criu failed/);
    expect(await events()).toMatchObject([
      { type: 'task-checkpoint-requested' },
      { type: 'task-action-failed', data: { action: 'checkpoint' } },
    ]);
  });

  it('is made of what runs only', async () => {
    await expect(tasks.checkpoint({ containerId })).rejects.toMatchObject({ code: 'not-found' });
    await tasks.create({ containerId });
    await expect(tasks.checkpoint({ containerId })).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('of another kind, or that is not there, is nothing to go on from', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const mediaType = 'application/vnd.containerd.container.criu.checkpoint.criu.tar';
    const from = (checkpoint: object) => tasks.create({ containerId, checkpoint });
    await expect(from({ mediaType: 'text/plain', digest, size: 1n })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('unsupported checkpoint type "text/plain"'),
    });
    await expect(from({ mediaType, digest, size: 1n })).rejects.toMatchObject({ code: 'not-found' });
    await tasks.create({ containerId });
  });

  it('may be named by the options of a task', async () => {
    const options = create(OptionsSchema, { criuImagePath: '/images' });
    await tasks.create({ containerId, options: anyPack(OptionsSchema, options) });
    expect(served.processes.orders[0]?.order.options).toBeDefined();
  });
});
