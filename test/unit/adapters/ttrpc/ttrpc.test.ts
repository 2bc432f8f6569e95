import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTtrpc } from '../../../../src/adapters/ttrpc/client.ts';
import { served, serveTtrpc } from '../../../../src/adapters/ttrpc/server.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';
import { Task } from '../../../../src/gen/containerd/task/v2/shim_pb.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

describe('ttrpc between a client and a server', () => {
  let temp: ReturnType<typeof makeTempDir>;
  let path: string;
  beforeEach(() => {
    temp = makeTempDir('ttrpc');
    path = join(temp.path, 's');
  });
  afterEach(() => temp.remove());
  const target = () => ({ path, namespace: 'default', name: 'the test' });

  it('answers calls, each with its own answer, over a socket of mode 0600', async () => {
    const server = await serveTtrpc(path, [
      served(Task.method.start, async ({ id }) => {
        await new Promise((resolve) => setTimeout(resolve, id === 'slow' ? 30 : 0));
        return { pid: id.length };
      }),
    ]);
    const client = await connectTtrpc(target(), 1000);
    const calls = ['slow', 'quick!'].map((id) => client.call(Task.method.start, { id }, 1000));
    expect((await Promise.all(calls)).map(({ pid }) => pid)).toEqual([4, 6]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server.close();
    await client.closed;
    await expect(client.call(Task.method.start, {}, 1000)).rejects.toMatchObject({ code: 'unavailable' });
  });
  it('carries refusals, and says what it does not serve', async () => {
    const server = await serveTtrpc(path, [
      served(Task.method.pause, async () => {
        throw new Rejection('failed-precondition', 'not running');
      }),
    ]);
    const client = await connectTtrpc(target(), 1000);
    await expect(client.call(Task.method.pause, {}, 1000)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: 'not running',
    });
    await expect(client.call(Task.method.resume, {}, 1000)).rejects.toMatchObject({ code: 'unimplemented' });
    client.close();
    await server.close();
  });
  it('gives up on a call in time, and on a server that is lost', async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    const client = await connectTtrpc(target(), 1000);
    await expect(client.call(Task.method.start, {}, 20)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    const pending = client.call(Task.method.wait, {}, 0);
    client.close();
    await expect(pending).rejects.toMatchObject({ code: 'unavailable' });
    await new Promise((resolve) => silent.close(resolve));
    await expect(connectTtrpc(target(), 1000)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
