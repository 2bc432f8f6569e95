import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreateContainerRequest } from '../../../../src/gen/shiplog/v1/containers_pb.ts';
import { type FakeDaemon, makeConsole, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

let daemon: FakeDaemon;
const temp = makeTempDir('flags');
const file = (name: string, text: string): string => {
  writeFileSync(`${temp.path}/${name}`, text);
  return `${temp.path}/${name}`;
};

beforeAll(async () => {
  daemon = await startFakeDaemon();
  daemon.unary('Images', 'inspect', () => ({}));
  daemon.unary('Containers', 'create', () => ({ id: 'abc', name: 'x' }));
});
afterAll(async () => {
  await daemon.close();
  temp.remove();
});
beforeEach(() => daemon.seen.clear());

const env = { TOKEN: 's3cret', LANG: 'de' };

const create = async (...flags: string[]) => {
  const ran = await runCli(daemon.address, ['create', ...flags], makeConsole({ env }));
  const [request] = (daemon.seen.get('Containers.create') ?? []) as CreateContainerRequest[];
  return { ...ran, options: request?.options };
};

const bind = (source: string, target: string, ...options: string[]) => ({
  type: 'bind',
  source,
  target,
  options,
});

/** argv, and what of the message it must make. */
const accepted: readonly (readonly [argv: string[], options: object])[] = [
  [
    ['img'],
    { image: 'img', command: [], name: '', terminal: false, stdin: false, remove: false, pull: 'missing' },
  ],
  [['img', 'ls', '-la', '--rm'], { command: ['ls', '-la', '--rm'], remove: false }],
  [['--', 'img', '--version'], { image: 'img', command: ['--version'] }],
  [
    ['-it', '--rm', 'img'],
    { terminal: true, stdin: true, remove: true, consoleWidth: 100, consoleHeight: 30 },
  ],
  [['--name', 'web', 'img'], { name: 'web' }],
  [['-e', 'A=1', '-e', 'B=', '--env', 'LANG', '-e', 'UNSET', 'img'], { env: ['A=1', 'B=', 'LANG=de'] }],
  [['-e', 'A=x=y', 'img'], { env: ['A=x=y'] }],
  [
    ['--secret-env', 'TOKEN', '--secret-env', 'PIN=1', 'img'],
    { secretEnv: ['TOKEN=s3cret', 'PIN=1'], env: [] },
  ],
  [['-m', '64m', 'img'], { resources: { memory: 67108864n } }],
  [['-m', '1.5g', '--memory-swap', '-1', 'img'], { resources: { memory: 1610612736n, memorySwap: -1n } }],
  [['--memory-reservation', '512', 'img'], { resources: { memoryReservation: 512n } }],
  [['--cpus', '1.5', '-c', '512', 'img'], { resources: { cpus: 1.5, cpuShares: 512n } }],
  [
    ['--cpu-quota=50000', '--cpu-period=100000', 'img'],
    { resources: { cpuQuota: 50000n, cpuPeriod: 100000n } },
  ],
  [
    ['--cpuset-cpus', '0-1', '--cpuset-mems', '0', 'img'],
    { resources: { cpusetCpus: '0-1', cpusetMems: '0' } },
  ],
  [['--pids-limit', '100', 'img'], { resources: { pids: 100n } }],
  [
    ['--blkio-weight', '300', '--oom-kill-disable', 'img'],
    { resources: { blkioWeight: 300, oomKillDisable: true } },
  ],
  [['--cap-add', 'NET_ADMIN', '--cap-drop', 'ALL', 'img'], { capAdd: ['NET_ADMIN'], capDrop: ['ALL'] }],
  [['--read-only', '--privileged', 'img'], { readOnly: true, privileged: true }],
  [
    ['-u', '1000:1000', '-w', '/srv', '-h', 'box', 'img'],
    { user: '1000:1000', cwd: '/srv', hostname: 'box' },
  ],
  [['-v', '/a:/b', 'img'], { mounts: [bind('/a', '/b', 'rbind', 'rw', 'rprivate')] }],
  [['-v', './a:/b:ro,Z', 'img'], { mounts: [bind('/work/a', '/b', 'rbind', 'ro', 'rprivate')] }],
  [['-v', '/a:/b:bind,rshared', 'img'], { mounts: [bind('/a', '/b', 'bind', 'rw', 'rshared')] }],
  [
    ['--mount', 'type=bind,src=/a,dst=/b,readonly', 'img'],
    { mounts: [bind('/a', '/b', 'rbind', 'ro', 'rprivate')] },
  ],
  [
    ['--mount', 'type=bind,"source=/a,b",target=/b,ro=false,bind-propagation=rslave', 'img'],
    { mounts: [bind('/a,b', '/b', 'rbind', 'rw', 'rslave')] },
  ],
  [
    ['--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777', 'img'],
    {
      mounts: [
        {
          type: 'tmpfs',
          source: '',
          target: '/t',
          options: ['noexec', 'nosuid', 'nodev', 'size=1048576', 'mode=1777'],
        },
      ],
    },
  ],
  [
    ['--tmpfs', '/run:exec,size=64m', 'img'],
    {
      mounts: [
        {
          type: 'tmpfs',
          source: '',
          target: '/run',
          options: ['noexec', 'nosuid', 'nodev', 'exec', 'size=64m'],
        },
      ],
    },
  ],
  [['--network', 'host', 'img'], { network: 'host' }],
  [
    ['--network=container:web', '--pid=container:web', 'img'],
    { network: 'container:web', pidMode: 'container:web' },
  ],
  [
    ['--ipc', 'host', '--uts', 'host', '--cgroupns', 'host', 'img'],
    { ipcMode: 'host', utsMode: 'host', cgroupMode: 'host' },
  ],
  [
    ['--cgroupns', 'private', '--userns', '100000:100000:65536', 'img'],
    { cgroupMode: '', usernsMode: '100000:100000:65536' },
  ],
  [
    ['--entrypoint', '/bin/sh', 'img', '-c', 'x'],
    { entrypoint: { values: ['/bin/sh'] }, command: ['-c', 'x'] },
  ],
  [['--entrypoint', '', 'img'], { entrypoint: { values: [] } }],
  [['-l', 'a=1', '--label', 'b', '-l', 'c=x=y', 'img'], { labels: { a: '1', b: '', c: 'x=y' } }],
  [
    ['--ulimit', 'nofile=1024:2048', '--ulimit', 'core=-1', 'img'],
    {
      rlimits: [
        { name: 'nofile', soft: 1024n, hard: 2048n },
        { name: 'core', soft: -1n, hard: -1n },
      ],
    },
  ],
  [
    ['--security-opt', 'no-new-privileges:true', '--security-opt', 'seccomp=unconfined', 'img'],
    { security: ['no-new-privileges', 'seccomp=unconfined'] },
  ],
  [['--security-opt', 'apparmor=web', 'img'], { security: ['apparmor=web'] }],
  [['--device', '/dev/fuse:/dev/fuse:rw', 'img'], { devices: ['/dev/fuse:/dev/fuse:rw'] }],
  [['--sysctl', 'net.core.somaxconn=1024', 'img'], { sysctls: { 'net.core.somaxconn': '1024' } }],
  [['--stop-signal', 'SIGINT', '--stop-timeout', '0', 'img'], { stopSignal: 'SIGINT', stopTimeout: 0 }],
  [
    ['--oom-score-adj', '-500', '--runtime', 'crun', '--pull', 'never', 'img'],
    { oomScoreAdj: -500, runtime: 'crun', pull: 'never' },
  ],
];

describe('flags of create', () => {
  it.each(accepted)('%j', async (argv, expected) => {
    const { exitCode, options, stderr, stdout } = await create(...argv);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toBe('abc\n');
    expect(options).toMatchObject(expected);
  });

  it('leaves out what was not asked, so that the image and the daemon decide', async () => {
    const { options } = await create('img');
    expect(options?.entrypoint).toBeUndefined();
    expect(options?.stopTimeout).toBeUndefined();
    expect(options?.resources?.memory).toBeUndefined();
    expect(options?.resources?.oomKillDisable).toBeUndefined();
  });

  it('takes no limit of processes as none', async () => {
    expect((await create('--pids-limit', '-1', 'img')).options?.resources?.pids).toBeUndefined();
  });

  it('reads files of variables and labels before the flags', async () => {
    const envFile = file('env', '# comment\n\nA=1\n  B=two words \nLANG\nUNSET\n');
    const labelFile = file('labels', 'x=1\ny\n');
    const { options } = await create(
      '-e',
      'A=2',
      '--env-file',
      envFile,
      '--label-file',
      labelFile,
      '-l',
      'x=2',
      'img',
    );
    expect(options?.env).toEqual(['A=1', 'B=two words ', 'LANG=de', 'A=2']);
    expect(options?.labels).toEqual({ x: '2', y: '' });
  });

  it('sends the contents of a seccomp profile', async () => {
    const profile = file('seccomp.json', '{\n  "defaultAction": "SCMP_ACT_ALLOW"\n}\n');
    const { options } = await create('--security-opt', `seccomp=${profile}`, 'img');
    expect(options?.security).toEqual(['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']);
  });
});

const refused: readonly (readonly [argv: string[], says: RegExp])[] = [
  [[], /missing required argument 'image'/],
  [['--nope', 'img'], /unknown option '--nope'/],
  [['--nam', 'img'], /Did you mean --name\?/],
  [['-m', 'lots', 'img'], /-m, --memory.*lots.*64m/s],
  [['--cpus', '0', 'img'], /--cpus.*above 0/s],
  [['--cpus', '1', '--cpu-quota', '5', 'img'], /give one of them/],
  [['--blkio-weight', '5', 'img'], /from 10 to 1000/],
  [['--pull', 'sometimes', 'img'], /one of missing, always, never/],
  [['-v', 'data:/b', 'img'], /named volumes.*absolute host path/],
  [['-v', '/b', 'img'], /give HOSTPATH:PATH/],
  [['-v', '/a:b', 'img'], /'b', must be absolute/],
  [['-v', '/a:/b:rx', 'img'], /unknown option 'rx'/],
  [['--mount', 'type=bind,target=/b', 'img'], /source=HOSTPATH/],
  [['--mount', 'type=volume,source=x,target=/b', 'img'], /type=bind or type=tmpfs/],
  [['--mount', 'type=bind,sauce=/a,target=/b', 'img'], /unknown field 'sauce'/],
  [['--mount', 'type=tmpfs,target=/t,tmpfs-size=x', 'img'], /64m/],
  [['--network', 'bridge', 'img'], /give none, host, container:ID/],
  [['--userns', 'remap', 'img'], /HOSTUID:HOSTGID:SIZE/],
  [['--ulimit', 'nofile=2:1', 'img'], /soft is above hard/],
  [['--ulimit', 'nofile', 'img'], /NAME=SOFT/],
  [['--env-file', '/nowhere/env', 'img'], /--env-file: cannot read '\/nowhere\/env'/],
  [['-e', '=x', 'img'], /not a variable name/],
  [['--secret-env', 'UNSET', 'img'], /not set in your environment/],
  [['--sysctl', 'a', 'img'], /has no value/],
  [['--security-opt', 'seccomp=/nowhere.json', 'img'], /cannot read '\/nowhere.json'/],
  [['--security-opt', 'seccomp', 'img'], /NAME=VALUE/],
  [['--platform', 'arm64', 'img'], /OS\/ARCHITECTURE/],
];

describe('flags that cannot be meant', () => {
  it.each(refused)('%j', async (argv, says) => {
    const { exitCode, stderr, stdout } = await create(...argv);
    expect(stderr).toMatch(/^shiplog: /);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
    expect(exitCode).toBe(125);
    expect(daemon.seen.size).toBe(0);
  });

  it('names a profile that is not JSON', async () => {
    const profile = file('bad.json', 'nope');
    expect((await create('--security-opt', `seccomp=${profile}`, 'img')).stderr).toMatch(
      /bad.json' is not JSON/,
    );
  });
});
