import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serve } from '../../../../src/adapters/grpc/serve.ts';
import { connect } from '../../../../src/client/index.ts';
import { someStore } from '../../../support/containerd-client.ts';
import { fakeApi, keptLogger } from '../../../support/fake-api.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';
import { countedNames, failureOf } from './serving.ts';

let temp: ReturnType<typeof makeTempDir>;
let bytes: ReturnType<typeof makeTempDir>;
const open: { close(): Promise<void> }[] = [];
beforeEach(() => {
  temp = makeTempDir('grpc-socket');
  bytes = makeTempDir('grpc-socket-bytes');
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
  temp.remove();
  bytes.remove();
});

const start = async (address: string) => {
  const server = await serve({
    address,
    api: fakeApi().api,
    ...(await someStore(bytes.path)),
    names: countedNames(),
    logger: keptLogger().logger,
  });
  open.push(server);
  return server;
};
const answers = async (address: string): Promise<string> => {
  const client = connect({ address });
  try {
    return (await client.system.version({})).version;
  } finally {
    client.close();
  }
};

describe('the socket', () => {
  it('is for its owner alone whatever the umask, and nothing else is left beside it', async () => {
    const path = `${temp.path}/run/s.sock`;
    const umask = process.umask(0);
    try {
      await start(path);
    } finally {
      process.umask(umask);
    }
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    expect(statSync(path).isSocket()).toBe(true);
    expect(readdirSync(`${temp.path}/run`)).toEqual(['s.sock']);
    expect(await answers(path)).toBe('1');
  });

  it('replaces one that nobody answers on', async () => {
    const path = `${temp.path}/s.sock`;
    const leave = `require('net').createServer().listen('${path}', () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', leave]);
    expect(statSync(path).isSocket()).toBe(true);
    await start(path);
    expect(await answers(path)).toBe('1');
  });

  it('is left to a daemon that answers, and the second is told', async () => {
    const path = `${temp.path}/s.sock`;
    await start(path);
    expect(await failureOf(start(path))).toMatchObject({
      code: 'failed-precondition',
      message: `cannot listen on '${path}': another process answers there; stop it, or give another address`,
    });
    expect(await answers(path)).toBe('1');
    expect(readdirSync(temp.path)).toEqual(['s.sock']);
  });

  it('is left alone too where what answers is no daemon', async () => {
    const path = `${temp.path}/s.sock`;
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    expect(await failureOf(start(path))).toMatchObject({ code: 'failed-precondition' });
    await new Promise((resolve) => other.close(resolve));
  });

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'mine'), 'failed-precondition', 'is not a socket'],
    ['a folder', (path: string) => mkdirSync(path), 'failed-precondition', 'is not a socket'],
  ] as const)('never takes the place of %s', async (_what, make, code, words) => {
    const path = `${temp.path}/s.sock`;
    make(path);
    expect(await failureOf(start(path))).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(existsSync(path)).toBe(true);
  });

  it.each(['relative.sock', `/tmp/${'x'.repeat(110)}`])('can not be at %s', async (path) => {
    expect(await failureOf(start(path))).toMatchObject({ code: 'invalid-argument' });
  });

  it('goes with its daemon, but not when it is another one already', async () => {
    const path = `${temp.path}/s.sock`;
    const first = await start(path);
    await first.close();
    expect(existsSync(path)).toBe(false);
    const second = await start(path);
    writeFileSync(`${path}.new`, '');
    chmodSync(`${path}.new`, 0o600);
    spawnSync('mv', ['-f', `${path}.new`, path]);
    await second.close();
    expect(existsSync(path)).toBe(true);
  });
});
