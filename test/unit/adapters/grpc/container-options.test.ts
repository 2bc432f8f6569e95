import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { newContainerOf } from '../../../../src/adapters/grpc/container-options.ts';
import { Namespace } from '../../../../src/domain/identity.ts';
import { Rejection } from '../../../../src/domain/rejection.ts';
import { ContainerOptionsSchema } from '../../../../src/gen/shiplog/v1/containers_pb.ts';
import { failureOf } from './serving.ts';

const ids: Readonly<Record<string, string>> = { web: 'c0ffee', c0f: 'c0ffee' };
const resolve = async (_namespace: Namespace, name: string): Promise<string> => {
  const id = ids[name];
  if (id === undefined) throw new Rejection('not-found', `container '${name}' does not exist`);
  return id;
};
const parsed = (options: MessageInitShape<typeof ContainerOptionsSchema>) =>
  newContainerOf(
    Namespace.parse('default'),
    create(ContainerOptionsSchema, { image: 'busybox', ...options }),
    resolve,
  );
const request = async (options: MessageInitShape<typeof ContainerOptionsSchema>) =>
  (await parsed(options)).request;

describe('container options', () => {
  it('leave what is not given to the image and the defaults', async () => {
    expect(await parsed({})).toEqual({
      namespace: 'default',
      image: { registry: 'docker.io', repository: 'library/busybox', tag: 'latest' },
      secrets: {},
      removeOnExit: false,
      pull: 'missing',
      request: {
        ...{ command: [], env: [], secretEnv: [], terminal: false, stdin: false, readonlyRootfs: false },
        ...{ mounts: [], resources: {}, rlimits: [], capabilities: { add: [], drop: [] }, privileged: false },
        ...{ noNewPrivileges: false, seccomp: 'default', apparmor: '', maskPaths: true, userns: 'host' },
        namespaces: { network: 'new', pid: 'new', ipc: 'new', uts: 'new', cgroup: 'new' },
        ...{ devices: [], sysctls: {}, labels: {}, oomScoreAdj: 0 },
      },
    });
  });

  it('carry everything that is given', async () => {
    const whole = await parsed({
      ...{
        name: 'web',
        command: ['sleep', '1'],
        entrypoint: { values: [] },
        env: ['A=1', 'B='],
        cwd: '/srv',
      },
      ...{ user: '33:33', terminal: true, stdin: true, hostname: 'h', readOnly: true, privileged: true },
      mounts: [{ type: 'bind', source: '/src', target: '/dst', options: ['rbind', 'ro'] }],
      rlimits: [{ name: 'nofile', soft: 1024n, hard: -1n }],
      ...{ capAdd: ['net_admin', 'CAP_SYS_TIME'], capDrop: ['all'], sysctls: { 'net.core.somaxconn': '9' } },
      ...{ labels: { a: 'b' }, stopSignal: 'int', stopTimeout: 0, oomScoreAdj: -500, runtime: '/opt/shim' },
      ...{ remove: true, pull: 'always', consoleWidth: 80, consoleHeight: 24 },
    });
    expect(whole).toMatchObject({ name: 'web', runtime: '/opt/shim', removeOnExit: true, pull: 'always' });
    expect(whole.request).toMatchObject({
      ...{ command: ['sleep', '1'], entrypoint: [], env: ['A=1', 'B='], cwd: '/srv', user: '33:33' },
      ...{ terminal: true, stdin: true, hostname: 'h', readonlyRootfs: true, privileged: true },
      mounts: [{ type: 'bind', source: '/src', target: '/dst', options: ['rbind', 'ro'] }],
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: -1 }],
      capabilities: { add: ['CAP_NET_ADMIN', 'CAP_SYS_TIME'], drop: ['ALL'] },
      ...{ stopSignal: 'SIGINT', stopTimeout: 0, oomScoreAdj: -500, consoleSize: { width: 80, height: 24 } },
    });
  });

  it('keep the values of secrets apart from their names, and out of errors', async () => {
    const { request: made, secrets } = await parsed({ secretEnv: ['TOKEN=a=b', 'PIN=1', 'PIN=2'] });
    expect(made.secretEnv).toEqual(['TOKEN', 'PIN']);
    expect(secrets).toEqual({ TOKEN: 'a=b', PIN: '2' });
    expect(JSON.stringify(made)).not.toContain('a=b');
    expect(String(await failureOf(parsed({ secretEnv: ['hunter2'] })))).not.toContain('hunter2');
  });

  it.each([
    [{ cpus: 1.5 }, { cpuQuota: 150_000, cpuPeriod: 100_000 }],
    [{ cpus: 0.01 }, { cpuQuota: 1_000, cpuPeriod: 100_000 }],
    [
      { cpuQuota: 5000n, cpuPeriod: 10_000n },
      { cpuQuota: 5000, cpuPeriod: 10_000 },
    ],
    [
      { memory: 64n * 1024n * 1024n, memorySwap: -1n },
      { memory: 67_108_864, memorySwap: -1 },
    ],
    [{ memory: 0n, memorySwap: 0n, pids: -1n, cpuShares: 0n, cpuQuota: -1n, blkioWeight: 0, cpus: 0 }, {}],
    [
      { cpusetCpus: '0-2,4', cpusetMems: '0', pids: 5n },
      { cpusetCpus: '0-2,4', cpusetMems: '0', pids: 5 },
    ],
    [{ hugepages: { '2MB': 4194304n } }, { hugepages: [{ pageSize: '2MB', limit: 4_194_304 }] }],
    [{ oomKillDisable: false }, { oomKillDisable: false }],
  ])('turn resources %o into %o', async (resources, expected) => {
    expect((await request({ resources })).resources).toEqual(expected);
  });

  it.each([
    [['no-new-privileges'], { noNewPrivileges: true }],
    [['no-new-privileges:true', 'no-new-privileges=false'], { noNewPrivileges: false }],
    [['seccomp=unconfined', 'apparmor=mine'], { seccomp: 'unconfined', apparmor: 'mine' }],
    [['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'], { seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' }],
    [['apparmor=unconfined', 'systempaths=unconfined'], { apparmor: '', maskPaths: false }],
  ])('take security options %j', async (security, expected) => {
    expect(await request({ security })).toMatchObject(expected);
  });

  it.each([
    ['/dev/fuse', { host: '/dev/fuse', container: '/dev/fuse', permissions: 'rwm' }],
    ['/dev/a:/dev/b', { host: '/dev/a', container: '/dev/b', permissions: 'rwm' }],
    ['/dev/a:/dev/b:r', { host: '/dev/a', container: '/dev/b', permissions: 'r' }],
    ['/dev/a:rw', { host: '/dev/a', container: '/dev/a', permissions: 'rw' }],
  ])('take device %s', async (device, expected) => {
    expect((await request({ devices: [device] })).devices).toEqual([expected]);
  });

  it('find namespaces of others by id, prefix or name', async () => {
    const { namespaces, userns } = await request({
      ...{ network: 'container:web', pidMode: 'container:c0f', ipcMode: 'host', utsMode: 'private' },
      ...{ cgroupMode: 'host', usernsMode: '100000:200000:65536' },
    });
    expect(namespaces).toEqual({
      ...{ network: { container: 'c0ffee' }, pid: { container: 'c0ffee' } },
      ...{ ipc: 'host', uts: 'new', cgroup: 'host' },
    });
    expect(userns).toEqual({ hostUid: 100_000, hostGid: 200_000, size: 65_536 });
    expect((await request({ network: 'host' })).namespaces.network).toBe('host');
    expect(await failureOf(request({ network: 'container:nobody' }))).toMatchObject({ code: 'not-found' });
  });

  it.each([
    ['options.image', { image: 'UPPER' }],
    ['options.env.0', { env: ['NAME'] }],
    ['options.env.1', { env: ['A=1', '=x'] }],
    ['options.secret_env.0', { secretEnv: ['=x'] }],
    ['options.cwd', { cwd: 'relative' }],
    ['options.mounts.0.type', { mounts: [{ type: 'volume', source: 'v', target: '/v' }] }],
    ['options.mounts.0.source', { mounts: [{ type: 'bind', source: 'here', target: '/v' }] }],
    ['options.mounts.0.target', { mounts: [{ type: 'tmpfs', target: '/a/../b' }] }],
    ['resources.cpus', { resources: { cpus: 1, cpuQuota: 5n } }],
    ['resources.cpus', { resources: { cpus: 0.001 } }],
    ['resources.cpus', { resources: { cpus: Number.NaN } }],
    ['resources.memory', { resources: { memory: 2n ** 60n } }],
    ['resources.cpusetCpus', { resources: { cpusetCpus: 'all' } }],
    ['resources.blkioWeight', { resources: { blkioWeight: 5 } }],
    ['rlimits.0.name', { rlimits: [{ name: 'files', soft: 1n, hard: 1n }] }],
    ['rlimits.0', { rlimits: [{ name: 'nofile', soft: 2n, hard: 1n }] }],
    ['options.security.0', { security: ['seccomp=/etc/profile.json'] }],
    ['options.security.0', { security: ['label=disable'] }],
    ['options.network', { network: 'bridge' }],
    ['options.userns_mode', { usernsMode: 'keep-id' }],
    ['options.userns_mode', { usernsMode: '0:0:4294967296' }],
    ['options.devices.0', { devices: ['dev/null'] }],
    ['options.devices.0', { devices: ['/dev/null:/dev/x:rr'] }],
    ['options.stop_signal', { stopSignal: 'NOPE' }],
    ['options.pull', { pull: 'sometimes' }],
    ['options.oomScoreAdj', { oomScoreAdj: 2000 }],
    ['options.hostname', { hostname: 'x'.repeat(65) }],
  ])('name %s where it is wrong', async (field, options) => {
    const error = await failureOf(parsed(options));
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(error instanceof Error && error.message.split(': ')[0]).toBe(field);
  });
});
