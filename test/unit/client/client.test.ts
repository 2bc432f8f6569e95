import { createConnection, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { parseAddress } from '../../../src/client/address.ts';
import { connect, type ShiplogClient } from '../../../src/client/connect.ts';
import { decodeHeader, encodeHeader } from '../../../src/client/metadata.ts';
import { ShiplogError } from '../../../src/client/shiplog-error.ts';
import { rejectionOfStatus, statusOfRejection } from '../../../src/client/status-codes.ts';
import { version } from '../../../src/client/version.ts';
import { rejectionCodes } from '../../../src/domain/rejection.ts';
import { type FakeDaemon, Refuse, startFakeDaemon } from '../../support/fake-daemon.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

let daemon: FakeDaemon;
let client: ShiplogClient;

beforeEach(async () => {
  daemon = await startFakeDaemon();
  client = connect({ address: daemon.address, client: 'test', reason: 'because: grün 100%' });
});
afterEach(async () => {
  client.close();
  await daemon.close();
});

const failureOf = async (promise: Promise<unknown>): Promise<ShiplogError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ShiplogError);
  return error as ShiplogError;
};

describe('a unary call', () => {
  it('carries who calls and why, beside the request', async () => {
    daemon.unary('Images', 'tag', () => ({}));
    await client.images.tag({ namespace: 'default', source: 'a', target: 'b' });
    expect(daemon.seen.get('Images.tag')).toMatchObject([{ namespace: 'default', source: 'a', target: 'b' }]);
    expect(daemon.headers()).toMatchObject({ 'shiplog-client': 'test' });
    expect(decodeHeader(daemon.headers()['shiplog-reason'] ?? '')).toBe('because: grün 100%');
  });

  it.each(rejectionCodes)('gives %s back as the code it was refused with', async (code) => {
    daemon.unary('System', 'gc', () => {
      throw new Refuse(code, `no: ${code}`);
    });
    const error = await failureOf(client.system.gc({}));
    expect(error.code).toBe(code);
    if (code !== 'deadline-exceeded') expect(error.message).toBe(`no: ${code}`);
    expect(error.unreachable).toBe(false);
  });

  it('has the exit code that the daemon suggests', async () => {
    daemon.unary('Containers', 'create', () => {
      throw new Refuse('not-found', 'no such program', 127);
    });
    expect((await failureOf(client.containers.create({}))).exitCode).toBe(127);
  });

  it('ends at its deadline', async () => {
    daemon.unary('Containers', 'wait', () => new Promise(() => undefined));
    const error = await failureOf(client.containers.wait({ container: 'x' }, { timeoutMs: 50 }));
    expect(error.code).toBe('deadline-exceeded');
  });

  it('is cancelled by a signal, before and while it runs', async () => {
    daemon.unary('Containers', 'wait', () => new Promise(() => undefined));
    const controller = new AbortController();
    const waiting = failureOf(client.containers.wait({ container: 'x' }, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 20);
    expect((await waiting).code).toBe('cancelled');
    expect((await failureOf(client.system.gc({}, { signal: controller.signal }))).code).toBe('cancelled');
    expect(daemon.seen.has('System.gc')).toBe(false);
  });
});

describe('a stream of answers', () => {
  it('gives the messages that came before the error that ends it', async () => {
    daemon.stream('Containers', 'logs', async function* () {
      for (let index = 0; index < 10; index += 1) yield { stream: 'stdout', data: Buffer.from(`${index}\n`) };
      throw new Refuse('data-loss', 'the log file is damaged');
    });
    let count = 0;
    const reading = (async () => {
      for await (const { data } of client.containers.logs({ container: 'x' })) {
        expect(Buffer.from(data).toString()).toBe(`${count}\n`);
        count += 1;
        if (count === 1) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    expect(await failureOf(reading)).toMatchObject({ code: 'data-loss' });
    expect(count).toBe(10);
  });

  it('is cancelled at the daemon when the loop is left', async () => {
    let left: (() => void) | undefined;
    const cancelled = new Promise<void>((resolve) => {
      left = resolve;
    });
    daemon.stream('Log', 'events', async function* () {
      try {
        for (let position = 0n; ; position += 1n) {
          yield { position };
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        left?.();
      }
    });
    for await (const { position } of client.log.events({ follow: true })) {
      if (position === 3n) break;
    }
    await cancelled;
  });
});

describe('a stream of requests', () => {
  async function* archive(chunks: number) {
    yield { request: { case: 'options' as const, value: { namespace: 'default', name: 'n' } } };
    for (let index = 0; index < chunks; index += 1) {
      yield { request: { case: 'data' as const, value: Buffer.alloc(64 * 1024, index) } };
    }
  }

  it('sends all of them, then gives the answer', async () => {
    let bytes = 0;
    daemon.import(async (requests) => {
      for await (const message of requests) {
        const { request } = message as { request: { case: string; value: Uint8Array } };
        if (request.case === 'data') bytes += request.value.length;
      }
      return ['a:1'];
    });
    expect((await client.images.import(archive(100))).names).toEqual(['a:1']);
    expect(bytes).toBe(100 * 64 * 1024);
  });

  it('stops sending when the daemon says no', async () => {
    daemon.import(async () => {
      throw new Refuse('invalid-argument', 'not an archive');
    });
    let closed = false;
    const endless = (async function* () {
      try {
        for (;;) yield* archive(10);
      } finally {
        closed = true;
      }
    })();
    expect(await failureOf(client.images.import(endless))).toMatchObject({ code: 'invalid-argument' });
    await expect.poll(() => closed).toBe(true);
  });

  it('cancels the call when its source fails', async () => {
    daemon.import(async (requests) => {
      for await (const _ of requests);
      return [];
    });
    const broken = (async function* () {
      yield* archive(1);
      throw new Error('the disk is gone');
    })();
    expect((await failureOf(client.images.import(broken))).message).toBe('the disk is gone');
  });
});

describe('a session', () => {
  it('goes both ways, and sends nothing once it is over', async () => {
    daemon.session(async (first, session) => {
      expect(first.case).toBe('exec');
      for await (const { request } of session.requests) {
        if (request.case === 'stdin') session.send({ case: 'stdout', value: request.value });
        if (request.case === 'closeStdin') break;
      }
      session.send({ case: 'exited', value: { exitCode: 3 } });
    });
    const call = client.containers.session();
    await call.send({ request: { case: 'exec', value: { container: 'x', args: ['cat'] } } });
    await call.send({ request: { case: 'stdin', value: Buffer.from('hello') } });
    await call.send({ request: { case: 'closeStdin', value: {} } });
    const cases: unknown[] = [];
    for await (const { response } of call) cases.push(response.case);
    expect(cases).toEqual(['stdout', 'exited']);
    await call.send({ request: { case: 'stdin', value: Buffer.from('late') } });
  });
});

describe('an unreachable daemon', () => {
  it('is told from one that says it is unavailable', async () => {
    const nobody = connect({ address: '/nowhere/d.sock' });
    const error = await failureOf(nobody.system.version({}));
    expect(error).toMatchObject({ code: 'unavailable', unreachable: true });
    expect(error.message).toContain(
      'cannot reach shiplogd at unix:///nowhere/d.sock: there is no such socket',
    );
    nobody.close();
  });

  it('is named when it goes away in the middle of a call', async () => {
    const temp = makeTempDir('proxy');
    const path = `${temp.path}/p.sock`;
    const sockets: Socket[] = [];
    const proxy = createServer((socket) => {
      const behind = createConnection(daemon.address.replace('unix://', ''));
      sockets.push(socket, behind);
      socket.pipe(behind).pipe(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(path, resolve));
    daemon.unary('Containers', 'wait', () => new Promise(() => undefined));
    const proxied = connect({ address: path });
    const waiting = failureOf(proxied.containers.wait({ container: 'x' }));
    await expect.poll(() => daemon.seen.has('Containers.wait')).toBe(true);
    for (const socket of sockets) socket.destroy();
    const error = await waiting;
    expect(error).toMatchObject({ code: 'unavailable', unreachable: false });
    expect(error.message).toContain('lost the connection to shiplogd');
    proxied.close();
    proxy.close();
    temp.remove();
  });
});

describe('words at the edge', () => {
  it.each([
    ['/run/s.sock', 'unix:///run/s.sock'],
    ['unix:/run/s.sock', 'unix:///run/s.sock'],
    ['unix:///run/s.sock', 'unix:///run/s.sock'],
  ])('takes %s as an address', (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  it.each(['', 'run/s.sock', 'tcp://1.2.3.4:5', 'localhost:80', 'unix://run'])(
    'refuses address %j',
    (text) => {
      expect(() => parseAddress(text)).toThrow(ShiplogError);
    },
  );

  it.each(['plain', 'grün', '100 %', '%41', 'a\nb', '日本', ''])('brings %j through a header', (text) => {
    expect(encodeHeader(text)).toMatch(/^[ -~]*$/);
    expect(decodeHeader(encodeHeader(text))).toBe(text);
  });

  it('maps every code to a status and back', () => {
    for (const code of rejectionCodes) expect(rejectionOfStatus(statusOfRejection[code])).toBe(code);
    expect(rejectionOfStatus(99)).toBe('unknown');
  });

  it('knows its version', () => {
    expect(version).toBe(manifest.version);
  });
});
