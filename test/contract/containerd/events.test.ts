import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceClient } from '../../../src/client/service-client.ts';
import { ImageDeleteSchema } from '../../../src/gen/containerd/events/image_pb.ts';
import { NamespaceUpdateSchema } from '../../../src/gen/containerd/events/namespace_pb.ts';
import {
  SnapshotCommitSchema,
  SnapshotPrepareSchema,
} from '../../../src/gen/containerd/events/snapshot_pb.ts';
import { TaskOOMSchema } from '../../../src/gen/containerd/events/task_pb.ts';
import { type Envelope, Events } from '../../../src/gen/containerd/services/events/v1/events_pb.ts';
import { Namespaces } from '../../../src/gen/containerd/services/namespaces/v1/namespace_pb.ts';
import { Snapshots } from '../../../src/gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { type ContainerdHeaders, type ServedStore, servedStore } from '../../support/containerd-client.ts';

let served: ServedStore;
let events: ServiceClient<typeof Events>;
beforeEach(async () => {
  served = await servedStore();
  events = served.client(Events);
});
afterEach(() => served[Symbol.asyncDispose]());

const snapshotter = 'overlayfs';
const prepare = (key: string, parent = '') => served.client(Snapshots).prepare({ snapshotter, key, parent });
const name = (namespace: string, labels: Record<string, string> = {}) =>
  served.client(Namespaces).create({ namespace: { name: namespace, labels } });

/** Events as a subscriber takes them, one at a time. */
const subscribed = (filters: readonly string[] = [], headers: ContainerdHeaders = {}) => {
  const stream = served.client(Events, headers).subscribe({ filters: [...filters] });
  const items = stream[Symbol.asyncIterator]();
  return {
    next: async (): Promise<Envelope> => {
      const item = await items.next();
      if (item.done) throw new Error('the stream ended');
      return item.value;
    },
    take: async (count: number): Promise<readonly Envelope[]> => {
      const taken: Envelope[] = [];
      while (taken.length < count) {
        const item = await items.next();
        if (item.done) break;
        taken.push(item.value);
      }
      return taken;
    },
  };
};
const topics = (envelopes: readonly Envelope[]) => envelopes.map(({ topic }) => topic);
const payload = <S extends DescMessage>(schema: S, { event }: Envelope): MessageShape<S> => {
  expect(event?.typeUrl).toBe(schema.typeName);
  return fromBinary(schema, event?.value ?? new Uint8Array());
};

describe('a subscriber', () => {
  it('is told of what happens, with payloads of containerd', async () => {
    const from = served.log.durable;
    await prepare('key');
    await served.client(Snapshots).commit({ snapshotter, key: 'key', name: 'layer' });
    await served.client(Snapshots).view({ snapshotter, key: 'look', parent: 'layer' });
    await prepare('next', 'layer');
    const told = await subscribed([], { from }).take(3);
    expect(topics(told)).toEqual(['/snapshot/prepare', '/snapshot/commit', '/snapshot/prepare']);
    const [first, second, third] = told;
    if (!first || !second || !third) throw new Error('too few events');
    expect(first.namespace).toBe('default');
    expect(
      Math.abs(timestampDate(first.timestamp ?? timestampFromMs(0)).getTime() - Date.now()),
    ).toBeLessThan(60_000);
    expect(payload(SnapshotPrepareSchema, first)).toMatchObject({ key: 'key', parent: '' });
    expect(payload(SnapshotCommitSchema, second)).toMatchObject({ key: 'key', name: 'layer' });
    expect(payload(SnapshotPrepareSchema, third)).toMatchObject({ key: 'next', parent: 'layer' });
  });

  it('is told from a position on, and goes on with what comes', async () => {
    await prepare('a');
    const from = served.log.durable;
    await prepare('b');
    const subscriber = subscribed([], { from });
    expect(payload(SnapshotPrepareSchema, await subscriber.next()).key).toBe('b');
    await prepare('c');
    expect(payload(SnapshotPrepareSchema, await subscriber.next()).key).toBe('c');
  });

  it('is told only what its filters let through, of all namespaces', async () => {
    const from = served.log.durable;
    await name('build', { team: 'a' });
    await name('test', { team: 'b' });
    await prepare('key');
    const first = async (...filters: string[]) => subscribed(filters, { from }).next();
    expect((await first('topic~=/^\\/snapshot/')).topic).toBe('/snapshot/prepare');
    expect((await first('namespace==test')).topic).toBe('/namespaces/create');
    expect((await first('event.key==key')).topic).toBe('/snapshot/prepare');
    expect((await first('event.labels.team==b')).namespace).toBe('test');
    expect((await first('topic=="/nothing"', 'event.name==build')).namespace).toBe('build');
    await expect(first('topic=')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is told of namespaces under their own names', async () => {
    const from = served.log.durable;
    await name('build', { team: 'a' });
    await served.client(Namespaces).update({ namespace: { name: 'build', labels: { team: 'b' } } });
    await served.client(Namespaces).delete({ name: 'build' });
    const told = await subscribed([], { from }).take(3);
    expect(topics(told)).toEqual(['/namespaces/create', '/namespaces/update', '/namespaces/delete']);
    const [, updated] = told;
    if (!updated) throw new Error('too few events');
    expect(updated.namespace).toBe('build');
    expect(payload(NamespaceUpdateSchema, updated)).toMatchObject({ name: 'build', labels: { team: 'b' } });
  });

  it('is refused a position that is none, or is not there yet', async () => {
    await expect(subscribed([], { from: 1000n }).next()).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(subscribed([], { from: -1n }).next()).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('what a client publishes', () => {
  const packed = {
    typeUrl: TaskOOMSchema.typeName,
    value: toBinary(TaskOOMSchema, create(TaskOOMSchema, { containerId: 'c' })),
  };
  /** Publishes until the subscriber, who may not be listening yet, has it. */
  const until = async <T>(publish: () => Promise<unknown>, answer: Promise<T>): Promise<T> => {
    let done = false;
    const settled = answer.finally(() => {
      done = true;
    });
    while (!done) {
      await publish();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return settled;
  };

  it('is passed on to those who listen', async () => {
    const subscriber = subscribed(['topic=="/tasks/oom"']);
    const told = await until(() => events.publish({ topic: '/tasks/oom', event: packed }), subscriber.next());
    expect(told).toMatchObject({ namespace: 'default', topic: '/tasks/oom' });
    expect(payload(TaskOOMSchema, told).containerId).toBe('c');
  });

  it('is forwarded with its own namespace and time', async () => {
    const envelope = { namespace: 'other', topic: '/a/b', timestamp: timestampFromMs(1_000), event: packed };
    const subscriber = subscribed(['namespace==other']);
    const told = await until(() => events.forward({ envelope }), subscriber.next());
    expect(told.timestamp?.seconds).toBe(1n);
  });

  it('needs a topic, a namespace and, forwarded, a time', async () => {
    const invalid = { code: 'invalid-argument' };
    for (const topic of ['', 'a', '/', '/a//b', '/a b']) {
      await expect(events.publish({ topic, event: packed })).rejects.toMatchObject(invalid);
    }
    await expect(
      served.client(Events, { namespace: '' }).publish({ topic: '/a', event: packed }),
    ).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(
      events.forward({ envelope: { namespace: 'a', topic: '/a', event: packed } }),
    ).rejects.toMatchObject(invalid);
    await expect(
      events.forward({
        envelope: { namespace: '', topic: '/a', timestamp: timestampFromMs(1), event: packed },
      }),
    ).rejects.toMatchObject(invalid);
  });
});

it('tells of removed images', async () => {
  const from = served.log.durable;
  const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' }, correlation: 'test' };
  const target = { mediaType: 'application/json', digest: `sha256:${'ab'.repeat(32)}`, size: 1 };
  const image = { namespace: 'default', name: 'busybox' } as never;
  await served.ledger.dispatch(
    [
      { type: 'create-image', ...(image as object), target, labels: {} } as never,
      { type: 'remove-image', ...(image as object) } as never,
    ],
    cause,
  );
  const told = await subscribed(['topic=="/images/delete"'], { from }).next();
  expect(payload(ImageDeleteSchema, told).name).toBe('busybox');
});
