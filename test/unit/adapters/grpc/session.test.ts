import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { Rejection } from '../../../../src/domain/rejection.ts';
import type { Call } from '../../../../src/engine/ports/api.ts';
import { StartFailure } from '../../../../src/engine/ports/runtime.ts';
import type { SessionRequestSchema, SessionResponse } from '../../../../src/gen/shiplog/v1/containers_pb.ts';
import { fakeApi } from '../../../support/fake-api.ts';
import { collect, failureOf, type Serving, serving } from './serving.ts';

type Request = NonNullable<MessageInitShape<typeof SessionRequestSchema>['request']>;

let served: Serving;
afterEach(async () => served[Symbol.asyncDispose]());

/** Opens a session and reads its answers one at a time. */
const openSession = async (request: Request) => {
  const call = served.client.containers.session();
  const answers = call[Symbol.asyncIterator]();
  const send = (next: Request) => call.send({ request: next });
  const take = async (): Promise<string> => {
    const next = await answers.next();
    return next.done ? 'end' : line(next.value);
  };
  await send(request);
  return { call, send, take };
};

const line = ({ response }: SessionResponse): string => {
  switch (response.case) {
    case 'created':
      return `created ${response.value.id} ${response.value.name}`;
    case 'started':
      return `started ${response.value.pid}`;
    case 'exited':
      return `exited ${response.value.exitCode}`;
    default:
      return `${response.case} ${Buffer.from(response.value ?? []).toString()}`;
  }
};

const run = (more: { detach?: boolean; image?: string } = {}): Request => ({
  case: 'run',
  value: {
    options: {
      image: more.image ?? 'busybox',
      stdin: true,
      terminal: true,
      consoleWidth: 80,
      consoleHeight: 24,
    },
    detach: more.detach ?? false,
  },
});
const exec: Request = { case: 'exec', value: { container: 'web', args: ['sh'], stdin: true } };
const bytes = (text: string): Request => ({ case: 'stdin', value: Buffer.from(text) });
const theProcess = () => {
  const [process] = served.processes;
  if (!process) throw new Error('nothing was begun');
  return process;
};

describe('a session', () => {
  it('lives from run to exit, with its input echoed in order', async () => {
    served = await serving();
    const { send, take } = await openSession(run());
    expect(await take()).toBe('created c0ffee web');
    expect(await take()).toBe('started 4711');
    await send(bytes('hello'));
    expect(await take()).toBe('stdout hello');
    await send({ case: 'resize', value: { width: 132, height: 50 } });
    await send(bytes('!oops'));
    expect(await take()).toBe('stderr !oops');
    expect(theProcess().sizes).toEqual(['132x50']);
    await send({ case: 'closeStdin', value: {} });
    expect(await take()).toBe('exited 7');
    expect(await take()).toBe('end');
    await sleep(20);
    expect(theProcess().detached).toBe(false);
    expect(served.last('containers.run').input).toMatchObject({
      detach: false,
      request: { stdin: true, terminal: true, consoleSize: { width: 80, height: 24 } },
    });
  });

  it('starts, attaches and execs as well', async () => {
    served = await serving();
    for (const [name, method] of [
      ['start', 'containers.startAttached'],
      ['attach', 'containers.attach'],
    ] as const) {
      const { take, send } = await openSession({ case: name, value: { container: 'web', stdin: true } });
      expect([await take(), await take()]).toEqual(['created c0ffee web', 'started 4711']);
      expect(served.last(method).input).toMatchObject({ namespace: 'default', container: 'web' });
      await send({ case: 'closeStdin', value: {} });
      expect(await take()).toBe('exited 7');
    }
    const { send, take } = await openSession({
      case: 'exec',
      value: {
        ...{ container: 'web', args: ['ls', '-l'], env: ['A=1'], cwd: '/srv', user: '33', terminal: true },
        ...{ consoleWidth: 80, consoleHeight: 24 },
      },
    });
    expect([await take(), await take()]).toEqual(['created c0ffee web', 'started 4711']);
    expect(served.last('containers.exec').input).toEqual({
      ...{ namespace: 'default', container: 'web', cwd: '/srv', detach: false },
      process: {
        ...{ args: ['ls', '-l'], env: ['A=1'], user: '33', terminal: true, stdin: false },
        consoleSize: { width: 80, height: 24 },
      },
    });
    await send({ case: 'signal', value: 'term' });
    expect(await take()).toBe('exited 137');
    expect(served.processes.at(-1)?.signals).toEqual(['SIGTERM']);
  });

  it('that is detached ends when the process runs', async () => {
    served = await serving();
    for (const request of [
      run({ detach: true }),
      { ...exec, value: { ...exec.value, detach: true } } as Request,
    ]) {
      const { take } = await openSession(request);
      expect([await take(), await take(), await take()]).toEqual([
        'created c0ffee web',
        'started 4711',
        'end',
      ]);
    }
    expect(served.processes.map(({ detached }) => detached)).toEqual([false, false]);
  });

  it('hands over output that came before the start was told', async () => {
    const fake = fakeApi();
    served = await serving({
      containers: {
        attach: async (input, call) => {
          const session = await fake.api.containers.attach(input, call);
          await session.write(Buffer.from('early'));
          return { ...session, started: sleep(50).then(() => ({ pid: 1 })) };
        },
      },
    });
    const { take } = await openSession({ case: 'attach', value: { container: 'web' } });
    expect([await take(), await take(), await take()]).toEqual([
      'created c0ffee web',
      'started 1',
      'stdout early',
    ]);
  });
});

describe('a client that goes away', () => {
  it.each([
    ['cancels', (call: { cancel(): void; close(): void }) => call.cancel()],
    ['closes', (call: { cancel(): void; close(): void }) => call.close()],
  ] as const)('and %s detaches, and the process goes on', async (_how, leave) => {
    served = await serving();
    const { call, take } = await openSession(run());
    expect([await take(), await take()]).toEqual(['created c0ffee web', 'started 4711']);
    leave(call);
    await expect.poll(() => theProcess().detached).toBe(true);
    expect(theProcess().signals).toEqual([]);
    expect(theProcess().call.signal?.aborted).toBe(false);
  });

  it('by losing its connection detaches too', async () => {
    served = await serving();
    const client = served.connect();
    const call = client.containers.session();
    const reading = failureOf(collect(call));
    await call.send({ request: run() });
    await expect.poll(() => served.processes.length).toBe(1);
    client.close();
    call.cancel();
    await reading;
    await expect.poll(() => theProcess().detached).toBe(true);
  });

  it('before there is a session cancels what the opening waits for', async () => {
    let opening: Call | undefined;
    served = await serving({
      containers: {
        run: async (_input, call) => {
          opening = call;
          return new Promise(() => undefined);
        },
      },
    });
    const { call } = await openSession(run());
    await expect.poll(() => opening).toBeDefined();
    call.cancel();
    await expect.poll(() => opening?.signal?.aborted).toBe(true);
  });
});

describe('a session that fails', () => {
  const failing = (error: unknown, when: 'begin' | 'start') => async (input: never, call: Call) => {
    if (when === 'begin') throw error;
    const session = await fakeApi().api.containers.run(input, call);
    const started = Promise.reject(error);
    const ended = Promise.reject(error);
    return { ...session, started, ended };
  };
  it.each([
    ['begin', new StartFailure(127, 'not found'), 'unknown', 127],
    ['start', new StartFailure(126, 'permission denied'), 'unknown', 126],
    ['start', new StartFailure(125, 'bad'), 'unknown', 125],
    ['begin', new Rejection('not-found', 'no such image'), 'not-found', 125],
    ['start', new Rejection('already-exists', 'name in use'), 'already-exists', 125],
    ['begin', new TypeError('bug'), 'internal', 125],
  ] as const)('to %s with %s exits as docker does', async (when, error, code, exitCode) => {
    served = await serving({ containers: { run: failing(error, when), exec: failing(error, when) } });
    for (const request of [run(), exec]) {
      const { call } = await openSession(request);
      expect(await failureOf(collect(call))).toMatchObject({ code, exitCode });
    }
  });

  it('after an answer that still waits to be sent tells the caller, who would else wait for ever', async () => {
    const lost = new Rejection('data-loss', 'the exit code can not be known');
    const large = { stream: 'stdout', bytes: Buffer.alloc(3 * 1024 * 1024) } as const;
    served = await serving({
      containers: {
        exec: async (input, call) => ({
          ...(await fakeApi().api.containers.exec(input, call)),
          output: (async function* () {
            yield large;
          })(),
          ended: Promise.reject(lost),
        }),
      },
    });
    const { call } = await openSession(exec);
    expect(await failureOf(collect(call))).toMatchObject({ code: 'data-loss', exitCode: 125 });
  });

  it('to attach has no exit code of its own', async () => {
    served = await serving({ containers: { attach: failing(new Rejection('not-found', 'no'), 'begin') } });
    const { call } = await openSession({ case: 'attach', value: { container: 'x' } });
    expect(await failureOf(collect(call))).toMatchObject({ code: 'not-found', exitCode: undefined });
  });

  it.each([
    ['nothing', undefined, 'first message'],
    ['input', bytes('x'), 'first message'],
    ['no image', run({ image: '' }).case === 'run' ? { case: 'run', value: {} } : undefined, 'options'],
    ['no program', { case: 'exec', value: { container: 'web' } }, 'args'],
  ] as [string, Request | undefined, string][])('to open, with %s first', async (_what, request, words) => {
    served = await serving();
    const call = served.client.containers.session();
    await call.send(request ? { request } : {});
    expect(String(await failureOf(collect(call)))).toContain(words);
  });

  it('on input that makes no sense lets go of the process', async () => {
    served = await serving();
    const { take, send } = await openSession(run());
    await take();
    await take();
    await send({ case: 'signal', value: 'NOPE' });
    expect(await failureOf(take())).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('NOPE'),
    });
    expect(theProcess().detached).toBe(true);
  });

  it('not, on input that comes too late', async () => {
    const fake = fakeApi();
    served = await serving({
      containers: {
        run: async (input, call) => ({
          ...(await fake.api.containers.run(input, call)),
          resize: async () => {
            throw new Rejection('not-found', 'the process has ended');
          },
        }),
      },
    });
    const { take, send } = await openSession(run());
    expect([await take(), await take()]).toEqual(['created c0ffee web', 'started 4711']);
    await send({ case: 'resize', value: { width: 1, height: 1 } });
    await send(bytes('on'));
    expect(await take()).toBe('stdout on');
    expect(served.lines.map(({ level }) => level)).toEqual(['debug']);
  });
});

describe('backpressure', () => {
  it('makes a client wait whose process does not read, and output wait for a client that does not', async () => {
    const fake = fakeApi();
    let made = 0;
    let wrote = 0;
    const KiB64 = 65_536;
    served = await serving({
      containers: {
        run: async (input, call) => ({
          ...(await fake.api.containers.run(input, call)),
          write: async () => {
            wrote++;
            await new Promise(() => undefined);
          },
          output: (async function* () {
            for (; made < 4000; made++) yield { stream: 'stdout' as const, bytes: Buffer.alloc(KiB64) };
          })(),
        }),
      },
    });
    const { call, send, take } = await openSession(run());
    await take();
    let sent = 0;
    const flood = (async () => {
      for (; sent < 2000; sent++) await send({ case: 'stdin', value: Buffer.alloc(KiB64) });
    })();
    await sleep(300);
    expect(made).toBeLessThan(200);
    expect(sent).toBeLessThan(500);
    expect(wrote).toBe(1);
    call.cancel();
    await flood;
  });
});
