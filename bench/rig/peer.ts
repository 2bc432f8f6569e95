import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { z } from 'zod';
import { serviceClient } from '../../src/client/service-client.ts';
import { Containers } from '../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { Snapshots } from '../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { Tasks } from '../../src/gen/containerd/services/tasks/v1/tasks_pb.ts';
import type { PrivateContainerd } from '../../test/support/containerd.ts';

const specUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
const snapshotter = 'overlayfs';
const Specification = z.looseObject({ linux: z.looseObject({ cgroupsPath: z.string() }) });

/** containerd's socket, as far as running a container takes. */
export const connectPeer = (address: string) => {
  const grpc = new Client(`unix://${address}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  metadata.set('containerd-namespace', 'default');
  const channel = { grpc, address, metadata };
  return {
    containers: serviceClient(channel, Containers),
    snapshots: serviceClient(channel, Snapshots),
    tasks: serviceClient(channel, Tasks),
    close: () => grpc.close(),
  };
};
export type PeerClient = ReturnType<typeof connectPeer>;

/**
 * The OCI specification that containerd's own client makes for an image.
 * @param flags of `ctr container create`
 */
export const peerSpecification = async (
  containerd: PrivateContainerd,
  image: string,
  flags: readonly string[],
  command: readonly string[],
): Promise<z.infer<typeof Specification>> => {
  const id = `template-${randomUUID().slice(0, 8)}`;
  await containerd.ctr('container', 'create', ...flags, image, id, ...command);
  const text = await containerd.ctr('container', 'info', '--spec', id);
  await containerd.ctr('container', 'delete', id);
  return Specification.parse(JSON.parse(text));
};

/** A specification that somebody else made, as one that containers are made of. */
export const specificationOf = (document: object): z.infer<typeof Specification> =>
  Specification.parse(document);

const specOf = (template: z.infer<typeof Specification>, id: string): Any =>
  create(AnySchema, {
    typeUrl: specUrl,
    value: Buffer.from(
      JSON.stringify({ ...template, linux: { ...template.linux, cgroupsPath: `/default/${id}` } }),
    ),
  });

/** What `run --rm` is over containerd's socket: root, record, task, its end, and all of it removed. */
export const runOnPeer = async (
  { containers, snapshots, tasks }: PeerClient,
  image: { readonly name: string; readonly chainId: string },
  template: z.infer<typeof Specification>,
): Promise<number> => {
  const id = randomUUID();
  // Where containerd's own client would take a lease: a call less for the peer.
  const labels = { 'containerd.io/gc.root': 'bench' };
  const { mounts } = await snapshots.prepare({ snapshotter, key: id, parent: image.chainId, labels });
  const runtime = { name: 'io.containerd.runc.v2' };
  const spec = specOf(template, id);
  await containers.create({
    container: { id, image: image.name, runtime, spec, snapshotter, snapshotKey: id },
  });
  await tasks.create({ containerId: id, rootfs: mounts });
  const ended = tasks.wait({ containerId: id });
  await tasks.start({ containerId: id });
  const { exitStatus } = await ended;
  await tasks.delete({ containerId: id });
  await snapshots.remove({ snapshotter, key: id });
  await containers.delete({ id });
  return exitStatus;
};

const processUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Process';

/** Containers that stay, over containerd's socket. */
export const peerTask = (
  { containers, snapshots, tasks }: PeerClient,
  image: { readonly name: string; readonly chainId: string },
  template: z.infer<typeof Specification>,
) => ({
  /** @returns its id, once it runs */
  async start(): Promise<string> {
    const id = randomUUID();
    const labels = { 'containerd.io/gc.root': 'bench' };
    const { mounts } = await snapshots.prepare({ snapshotter, key: id, parent: image.chainId, labels });
    const runtime = { name: 'io.containerd.runc.v2' };
    const spec = specOf(template, id);
    await containers.create({
      container: { id, image: image.name, runtime, spec, snapshotter, snapshotKey: id },
    });
    await tasks.create({ containerId: id, rootfs: mounts });
    await tasks.start({ containerId: id });
    return id;
  },
  async remove(id: string): Promise<void> {
    const ended = tasks.wait({ containerId: id });
    await tasks.kill({ containerId: id, signal: 9, all: true });
    await ended;
    await tasks.delete({ containerId: id });
    await snapshots.remove({ snapshotter, key: id });
    await containers.delete({ id });
  },
  async exec(id: string, execId: string, command: readonly string[]): Promise<void> {
    const { process } = template;
    const document = { ...(typeof process === 'object' ? process : {}), args: command, terminal: false };
    const spec = create(AnySchema, { typeUrl: processUrl, value: Buffer.from(JSON.stringify(document)) });
    await tasks.exec({ containerId: id, execId, spec });
    const ended = tasks.wait({ containerId: id, execId });
    await tasks.start({ containerId: id, execId });
    const { exitStatus } = await ended;
    await tasks.deleteProcess({ containerId: id, execId });
    if (exitStatus !== 0) throw new Error(`the process exited with ${exitStatus}`);
  },
});
