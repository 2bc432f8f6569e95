import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ContainerConfig } from '../../../src/domain/container-config.ts';
import { ContainerRequest, containerConfig } from '../../../src/domain/container-request.ts';
import { ContainerId } from '../../../src/domain/identity.ts';
import type { ImageConfig } from '../../../src/domain/oci-image.ts';
import { isRejection } from '../../../src/domain/rejection.ts';

const id = ContainerId.parse('c0ffeec0ffeec0ffee');
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const bare: z.input<typeof ContainerRequest> = {
  command: [],
  env: [],
  secretEnv: [],
  terminal: false,
  stdin: false,
  readonlyRootfs: false,
  mounts: [],
  resources: {},
  rlimits: [],
  capabilities: { add: [], drop: [] },
  privileged: false,
  noNewPrivileges: false,
  seccomp: 'default',
  apparmor: '',
  maskPaths: true,
  namespaces: { network: 'new', pid: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
  userns: 'host',
  devices: [],
  sysctls: {},
  labels: {},
  oomScoreAdj: 0,
};
type Image = NonNullable<ImageConfig['config']>;
const decided = (image: Image | undefined, asked: Partial<z.input<typeof ContainerRequest>>) =>
  containerConfig(ContainerRequest.parse({ ...bare, ...asked }), { config: image }, id);
const made = (
  image: Image | undefined,
  asked: Partial<z.input<typeof ContainerRequest>>,
): ContainerConfig => {
  const config = decided(image, asked);
  if (isRejection(config)) throw config;
  return ContainerConfig.parse(config);
};

describe('what runs', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['serve'] };
  it.each<[string, Image | undefined, string[] | undefined, string[], string[]]>([
    ['entrypoint and command of the image', image, undefined, [], ['/entry', 'serve']],
    [
      'its entrypoint with another command',
      image,
      undefined,
      ['sh', '-c', 'ls'],
      ['/entry', 'sh', '-c', 'ls'],
    ],
    ['another entrypoint, without its command', image, ['/other'], [], ['/other']],
    ['another entrypoint and command', image, ['/other'], ['x'], ['/other', 'x']],
    ['no entrypoint but a command', image, [], ['x'], ['x']],
    ['a command alone, of an image that says nothing', undefined, undefined, ['x'], ['x']],
    ['the command of an image without entrypoint', { Entrypoint: null, Cmd: ['x'] }, undefined, [], ['x']],
  ])('is %s', (_, from, entrypoint, command, args) => {
    const asked = { command, ...(entrypoint ? { entrypoint } : {}) };
    expect(made(from, asked).process.args).toEqual(args);
  });
  it.each<[Image | undefined, string[] | undefined]>([
    [undefined, undefined],
    [{ Cmd: [], Entrypoint: [] }, undefined],
    [{ Cmd: ['x'] }, []],
  ])('is nothing for %j with entrypoint %j: refused', (image, entrypoint) => {
    expect(decided(image, entrypoint ? { entrypoint } : {})).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/no command was given and the image has none/),
    });
  });
});

describe('the environment', () => {
  const env = (image: string[], asked: string[]) =>
    made({ Env: image }, { command: ['x'], env: asked }).process.env;
  it('is the image’s with the caller’s over it', () => {
    expect(env(['A=1', 'B=2'], ['B=3', 'C=x=y'])).toEqual([path, 'A=1', 'B=3', 'C=x=y']);
  });
  it('takes the image’s PATH', () => {
    expect(env(['PATH=/bin'], [])).toEqual(['PATH=/bin']);
  });
  it('keeps names apart where an image left out the value', () => {
    expect(env(['FOO', 'FO=1'], [])).toEqual([path, 'FOO', 'FO=1']);
  });
});

describe('the rest', () => {
  it('comes from defaults', () => {
    expect(made(undefined, { command: ['x'] })).toMatchObject({
      process: { cwd: '/', user: '' },
      hostname: 'c0ffeec0ffee',
      stopSignal: 'SIGTERM',
      stopTimeout: 10,
      seccomp: 'default',
      maskPaths: true,
      namespaces: { pid: 'new', user: 'host' },
    });
  });
  it('comes from the image before that', () => {
    const image = { User: 'nobody', WorkingDir: '/srv', StopSignal: 'SIGQUIT' };
    expect(made(image, { command: ['x'] })).toMatchObject({
      process: { cwd: '/srv', user: 'nobody' },
      stopSignal: 'SIGQUIT',
    });
    expect(made({ WorkingDir: '' }, { command: ['x'] }).process.cwd).toBe('/');
  });
  it('comes from the caller before all', () => {
    const image = { User: 'nobody', WorkingDir: '/srv', StopSignal: 'SIGQUIT' };
    const asked = {
      command: ['x'],
      user: '0:0',
      cwd: '/tmp',
      stopSignal: 'KILL',
      stopTimeout: 0,
      hostname: 'h',
    };
    expect(made(image, asked)).toMatchObject({
      process: { cwd: '/tmp', user: '0:0' },
      stopSignal: 'KILL',
      stopTimeout: 0,
      hostname: 'h',
    });
  });
  it('leaves nothing masked or filtered for a privileged one', () => {
    expect(made(undefined, { command: ['x'], privileged: true })).toMatchObject({
      privileged: true,
      seccomp: 'unconfined',
      maskPaths: false,
    });
  });
  it('is refused where the image’s working directory is no absolute path', () => {
    expect(decided({ WorkingDir: '../srv' }, { command: ['x'] })).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/working directory '..\/srv' is not an absolute path/),
    });
  });
});
