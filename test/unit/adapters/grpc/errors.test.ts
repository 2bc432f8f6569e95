import { Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rejection, rejectionCodes } from '../../../../src/domain/rejection.ts';
import { StartFailure } from '../../../../src/engine/ports/runtime.ts';
import { failureOf, type Serving, serving } from './serving.ts';

let served: Serving;
let failing: unknown;
beforeAll(async () => {
  served = await serving({
    containers: {
      start: async () => {
        throw failing;
      },
    },
  });
});
afterAll(async () => served[Symbol.asyncDispose]());

const start = async (error: unknown): Promise<unknown> => {
  failing = error;
  return failureOf(served.client.containers.start({ container: 'web' }));
};

describe('a refusal', () => {
  it.each(rejectionCodes.filter((code) => code !== 'internal'))(
    '%s reaches the client with its words',
    async (code) => {
      expect(await start(new Rejection(code, `no, because: ${code} ✗`))).toMatchObject({
        ...{ code, message: code === 'deadline-exceeded' ? expect.any(String) : `no, because: ${code} ✗` },
        exitCode: undefined,
      });
    },
  );

  it('survives half a character and a text too long for a header', async () => {
    expect(await start(new Rejection('not-found', 'a \ud800 b'))).toMatchObject({ message: 'a � b' });
    const error = await start(new Rejection('not-found', 'é'.repeat(100_000)));
    expect(error).toMatchObject({ code: 'not-found' });
  });
});

describe('a process that can not be started', () => {
  it.each([125, 126, 127] as const)('brings exit code %i', async (exitCode) => {
    expect(await start(new StartFailure(exitCode, 'exec: "nope": not found'))).toMatchObject({
      ...{ code: 'unknown', exitCode, message: 'exec: "nope": not found' },
    });
  });
});

describe('what nobody foresaw', () => {
  it('is logged whole under a correlation id that the caller is told', async () => {
    const cause = new TypeError('x is not a function');
    const error = await start(cause);
    expect(error).toMatchObject({ code: 'internal' });
    const line = served.lines.at(-1);
    expect(line).toMatchObject({
      level: 'error',
      fields: { error: cause, method: '/shiplog.v1.Containers/Start' },
    });
    expect(String(error)).toContain(`correlation ${String(line?.fields.correlation)}`);
    expect(String(error)).toContain('x is not a function');
  });

  it('may be any value at all', async () => {
    expect(await start('a string')).toMatchObject({ code: 'internal' });
    expect(await start(undefined)).toMatchObject({ code: 'internal' });
  });
});

describe('a request that makes no sense', () => {
  const { containers, images } = {
    containers: () => served.client.containers,
    images: () => served.client.images,
  };
  it.each([
    ['namespace', () => containers().start({ namespace: 'a/b', container: 'x' })],
    ['container', () => containers().start({})],
    ['signal', () => containers().kill({ container: 'x', signal: 'NOPE' })],
    ['options', () => containers().create({})],
    ['options.image', () => containers().create({ options: {} })],
    ['image', () => images().inspect({})],
    ['target', () => images().tag({ source: 'a', target: 'UPPER CASE' })],
  ] as const)('is refused, naming %s', async (field, call) => {
    const error = await failureOf(call());
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(String(error)).toContain(`${field}: `);
  });

  it('is refused in streams too', async () => {
    const next = served.client.images.pull({ reference: '' })[Symbol.asyncIterator]().next();
    expect(await failureOf(next)).toMatchObject({
      code: 'invalid-argument',
      message: 'reference: is empty; name an image',
    });
  });

  it('is refused over 16 MiB, and the connection goes on', async () => {
    const raw = new Client(`unix://${served.path}`, credentials.createInsecure());
    const version = (size: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        // An unknown field: a tag, a length of five bytes, and that many zeros.
        const length = [0, 7, 14, 21, 28].map((shift) => ((size >> shift) & 127) | (shift < 28 ? 128 : 0));
        const message = Buffer.concat([Buffer.from([0x7a, ...length]), Buffer.alloc(size)]);
        const same = (bytes: Buffer): Buffer => bytes;
        raw.makeUnaryRequest('/shiplog.v1.System/Version', same, same, message, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      });
    expect(await failureOf(version(17 * 1024 * 1024))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await version(15 * 1024 * 1024);
    raw.close();
  });
});
