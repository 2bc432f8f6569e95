import { statSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serveForwarding } from '../../../src/adapters/grpc/containerd/events-ttrpc.ts';
import { connectTtrpc, type TtrpcClient } from '../../../src/adapters/ttrpc/client.ts';
import type { ContainerdEvent } from '../../../src/engine/ports/store/events.ts';
import type { Store } from '../../../src/engine/ports/store/store.ts';
import { TaskOOMSchema } from '../../../src/gen/containerd/events/task_pb.ts';
import { Events } from '../../../src/gen/containerd/services/events/ttrpc/v1/events_pb.ts';
import { someStore } from '../../support/containerd-client.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

let path: string;
let store: Store;
let client: TtrpcClient;
let close: () => Promise<void>;
beforeEach(async () => {
  const temp = makeTempDir('forward');
  path = join(temp.path, 's.sock.ttrpc');
  store = (await someStore(temp.path)).store;
  const server = await serveForwarding(path, store.events);
  client = await connectTtrpc({ path, namespace: '', name: 'the test' }, 1000);
  close = async () => {
    client.close();
    await server.close();
    temp.remove();
  };
});
afterEach(() => close());

const value = toBinary(TaskOOMSchema, create(TaskOOMSchema, { containerId: 'c' }));
const event = { typeUrl: TaskOOMSchema.typeName, value };
const envelope = { namespace: 'other', topic: '/tasks/oom', timestamp: timestampFromMs(1_000), event };
const forward = (one: object) => client.call(Events.method.forward, { envelope: one }, 1000);

it('passes on what is forwarded, as it came, to those who listen', async () => {
  const over = new AbortController();
  const told = store.events
    .subscribe(['topic=="/tasks/oom"'], undefined, over.signal)
    [Symbol.asyncIterator]();
  const first = told.next();
  await forward(envelope);
  const { value: found } = await first;
  expect(found satisfies ContainerdEvent).toEqual({
    namespace: 'other',
    topic: '/tasks/oom',
    at: 1_000_000,
    packed: { ...event, value: Buffer.from(value) },
  });
  over.abort();
  await told.return?.();
});

it('needs a topic, a namespace and a time', async () => {
  const { timestamp, ...timeless } = envelope;
  expect(timestamp.seconds).toBe(1n);
  for (const wrong of [timeless, { ...envelope, topic: 'tasks' }, { ...envelope, namespace: '' }]) {
    await expect(forward(wrong)).rejects.toMatchObject({ code: 'invalid-argument' });
  }
});

it("is root's alone", () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
