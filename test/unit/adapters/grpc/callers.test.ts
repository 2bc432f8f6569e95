import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, type Serving, serving } from './serving.ts';

let served: Serving;
const children: ChildProcess[] = [];
beforeEach(async () => {
  served = await serving();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await served[Symbol.asyncDispose]();
});

/** A process of its own that calls Gc as often as it is sent a line, over one connection. */
const script = `
  import { Client, credentials, Metadata } from '@grpc/grpc-js';
  const client = new Client('unix://' + process.argv[1], credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('shiplog-client', process.argv[2]);
  for (const name of ['shiplog-peer', 'shiplog-actor', 'pid', 'uid']) metadata.set(name, '1');
  const same = (bytes) => bytes;
  process.stdin.on('data', () => {
    client.makeUnaryRequest('/shiplog.v1.System/Gc', same, same, Buffer.alloc(0), metadata, (error) => {
      console.log(error ? error.message : 'done');
    });
  });
`;
const startCaller = (name: string, as: { uid?: number } = {}): { pid: number; call(): Promise<string> } => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, served.path, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...as,
  });
  children.push(child);
  if (child.pid === undefined) throw new Error('the caller could not be started');
  return {
    pid: child.pid,
    call: async () => {
      child.stdin.write('\n');
      return new Promise((resolve) => child.stdout.once('data', (data) => resolve(String(data).trim())));
    },
  };
};
const actor = () => served.last('system.gc').call?.cause.actor;

describe('the caller', () => {
  it('is told apart from others by the kernel, call by call', async () => {
    const exe = realpathSync(process.execPath);
    const one = startCaller('one');
    const two = startCaller('two');
    expect(one.pid).not.toBe(two.pid);
    for (const [caller, client] of [
      [one, 'one'],
      [two, 'two'],
      [one, 'one'],
    ] as const) {
      expect(await caller.call()).toBe('done');
      expect(actor()).toEqual({
        uid: process.getuid?.(),
        gid: process.getgid?.(),
        pid: caller.pid,
        exe,
        client,
      });
    }
    await served.client.system.gc({});
    expect(actor()).toMatchObject({ pid: process.pid, client: 'shiplog-client' });
  });

  it('says what it calls itself and why, in any script', async () => {
    const client = served.connect({ client: 'ci läuft', reason: 'nach 100 % Plan: 整理' });
    await client.system.gc({});
    const first = served.last('system.gc').call?.cause;
    expect(first).toMatchObject({ actor: { client: 'ci läuft' }, reason: 'nach 100 % Plan: 整理' });
    await client.system.gc({});
    expect(served.last('system.gc').call?.cause.correlation).not.toBe(first?.correlation);
    await served.client.system.gc({});
    expect(served.last('system.gc').call?.cause).not.toHaveProperty('reason');
  });

  it('may give a reason of 1024 characters and not one more', async () => {
    await served.connect({ reason: 'r'.repeat(1024) }).system.gc({});
    expect(served.last('system.gc').call?.cause.reason).toHaveLength(1024);
    const long = served.connect({ reason: 'r'.repeat(1025) });
    expect(await failureOf(long.system.gc({}))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('shiplog-reason'),
    });
    const stream = long.images.pull({ reference: 'busybox' })[Symbol.asyncIterator]();
    expect(await failureOf(stream.next())).toMatchObject({ code: 'invalid-argument' });
    expect(served.asked.filter(({ method }) => method === 'images.pull')).toEqual([]);
  });

  it('is the same for a call of every kind', async () => {
    const call = served.client.containers.session();
    await call.send({ request: { case: 'attach', value: { container: 'web' } } });
    await call[Symbol.asyncIterator]().next();
    expect(served.last('containers.attach').call?.cause.actor.pid).toBe(process.pid);
    call.cancel();
    for await (const _ of served.client.images.pull({ reference: 'busybox' }));
    expect(served.last('images.pull').call?.cause.actor.pid).toBe(process.pid);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'is refused and recorded where it is neither root nor the daemon (needs root to become another user)',
    async () => {
      // Somebody opened what the daemon had closed.
      chmodSync(dirname(served.path), 0o755);
      chmodSync(served.path, 0o666);
      const answer = await startCaller('stranger', { uid: 65_534 }).call();
      expect(answer).toContain('PERMISSION_DENIED: user 65534 may not use Shiplog');
      const refused = served.last('system.refused');
      expect(refused.input).toMatchObject({
        method: '/shiplog.v1.System/Gc',
        rejection: { code: 'permission-denied' },
      });
      expect(refused.call?.cause.actor).toMatchObject({ uid: 65_534, client: 'stranger' });
      expect(() => served.last('system.gc')).toThrow();
    },
  );
});
