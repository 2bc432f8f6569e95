import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Call } from '../../src/engine/ports/api.ts';
import { someDigest, someEvent, someTarget } from '../support/fake-api.ts';
import { collect, failureOf, type Serving, serving } from '../unit/adapters/grpc/serving.ts';

let served: Serving;
afterEach(async () => served[Symbol.asyncDispose]());

const MiB = 1024 * 1024;
/** Resolves when the signal fires. */
const aborted = (signal: AbortSignal | undefined): Promise<'aborted'> =>
  new Promise((resolve) => {
    if (signal?.aborted) resolve('aborted');
    signal?.addEventListener('abort', () => resolve('aborted'));
  });
const never = (): Promise<never> => new Promise(() => undefined);

describe('a call that is cancelled', () => {
  it('stops a pull', async () => {
    let call: Call | undefined;
    served = await serving({
      images: {
        pull: async (_input, given) => {
          call = given;
          return never();
        },
      },
    });
    const controller = new AbortController();
    const pull = collect(served.client.images.pull({ reference: 'busybox' }, { signal: controller.signal }));
    const failed = failureOf(pull);
    await expect.poll(() => call).toBeDefined();
    controller.abort();
    expect(await failed).toMatchObject({ code: 'cancelled' });
    expect(await aborted(call?.signal)).toBe('aborted');
  });

  it('stops one that waits for its answer, and one whose reader left its loop', async () => {
    let waiting: Call | undefined;
    let following: AbortSignal | undefined;
    let ended = false;
    served = await serving({
      containers: {
        wait: async (_input, call) => {
          waiting = call;
          return never();
        },
      },
      log: {
        events: async function* (_query, signal) {
          following = signal;
          try {
            for (let at = 0n; ; at++) yield someEvent(at);
          } finally {
            ended = true;
          }
        },
      },
    });
    const controller = new AbortController();
    const failed = failureOf(
      served.client.containers.wait({ container: 'x' }, { signal: controller.signal }),
    );
    await expect.poll(() => waiting).toBeDefined();
    controller.abort();
    await failed;
    expect(await aborted(waiting?.signal)).toBe('aborted');
    for await (const event of served.client.log.events({ follow: true })) {
      if (event.position === 5n) break;
    }
    expect(await aborted(following)).toBe('aborted');
    await expect.poll(() => ended).toBe(true);
  });

  it('by its deadline is cancelled here as well', async () => {
    let call: Call | undefined;
    served = await serving({
      system: {
        gc: async (given) => {
          call = given;
          return never();
        },
      },
    });
    expect(await failureOf(served.client.system.gc({}, { timeoutMs: 100 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
    expect(await aborted(call?.signal)).toBe('aborted');
  });

  it('leaves the signal of one that was answered alone', async () => {
    served = await serving();
    await served.client.system.gc({});
    await collect(served.client.images.pull({ reference: 'busybox' }));
    await sleep(50);
    expect(served.last('system.gc').call?.signal?.aborted).toBe(false);
    expect(served.last('images.pull').call?.signal?.aborted).toBe(false);
  });
});

describe('a slow reader', () => {
  it('makes the source wait: little is ever in memory', async () => {
    let made = 0;
    served = await serving({
      images: {
        export: async function* () {
          for (; made < 400; made++) yield Buffer.alloc(MiB);
        },
      },
    });
    const reader = served.client.images.export({ images: ['app'] })[Symbol.asyncIterator]();
    await reader.next();
    await sleep(300);
    const ahead = made;
    expect(ahead).toBeLessThan(32);
    let bytes = 0;
    for (let next = await reader.next(); !next.done; next = await reader.next())
      bytes += next.value.data.length;
    expect(bytes).toBe(400 * MiB - 256 * 1024);
  });

  it('of progress misses figures in between, never what they came to', async () => {
    let reported = 0;
    served = await serving({
      images: {
        pull: async (_input, call) => {
          for (let round = 0; round < 100; round++) {
            for (let offset = 0; offset < 1000; offset++) {
              call.report?.({
                ...{ kind: 'item', digest: someDigest, mediaType: '', as: 'layer', status: 'downloading' },
                ...{ offset: round * 1000 + offset, total: 100_000 },
              });
              reported++;
            }
            await sleep(0);
          }
          call.report?.({
            ...{
              kind: 'item',
              digest: someDigest,
              mediaType: '',
              as: 'layer',
              status: 'downloaded',
              offset: 1,
              total: 1,
            },
          });
          return { name: 'n', target: someTarget, upToDate: false };
        },
      },
    });
    const seen: string[] = [];
    let last = -1n;
    for await (const { progress } of served.client.images.pull({ reference: 'busybox' })) {
      if (progress.case === 'item' && progress.value.status === 'downloading') {
        expect(progress.value.offset).toBeGreaterThan(last);
        last = progress.value.offset;
      } else if (progress.case === 'item') seen.push(progress.value.status);
      else seen.push(String(progress.case));
    }
    expect(reported).toBe(100_000);
    expect(last).toBe(99_999n);
    expect(seen).toEqual(['downloaded', 'done']);
  });

  it('on the other side, an import is read no faster than it is taken', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    served = await serving({
      images: {
        import: async ({ archive }) => {
          let bytes = 0;
          for await (const chunk of archive) {
            bytes += chunk.length;
            await held;
          }
          return [String(bytes)];
        },
      },
    });
    let sent = 0;
    const requests = async function* () {
      yield { request: { case: 'options' as const, value: {} } };
      for (; sent < 200; sent++) yield { request: { case: 'data' as const, value: Buffer.alloc(MiB) } };
    };
    const done = served.client.images.import(requests());
    await sleep(300);
    expect(sent).toBeLessThan(60);
    release();
    expect((await done).names).toEqual([String(200 * MiB)]);
  });
});

describe('a daemon that stops', () => {
  it('lets a call end that ends in time, and tells the others', async () => {
    let answer = (_: { exitCode: number; exitedAt: never }): void => undefined;
    served = await serving({
      containers: {
        wait: ({ container }) =>
          container === 'soon'
            ? new Promise((resolve) => {
                answer = resolve as never;
              })
            : never(),
      },
    });
    const soon = served.client.containers.wait({ container: 'soon' });
    const late = failureOf(served.connect().containers.wait({ container: 'late' }));
    const follow = failureOf(collect(served.connect().containers.session()));
    await sleep(100);
    const closed = served.closeServer(300);
    answer({ exitCode: 5, exitedAt: 1 as never });
    expect((await soon).exitCode).toBe(5);
    expect(await late).toMatchObject({ code: 'unavailable' });
    expect(await follow).toMatchObject({ code: 'unavailable' });
    await closed;
  });
});
