import { describe, expect, it } from 'vitest';
import {
  allCapabilities,
  capabilitiesOfMask,
  defaultCapabilities,
} from '../../../../src/adapters/runc/capabilities.ts';
import { specText } from '../../../../src/adapters/runc/document.ts';
import type { OciSpec } from '../../../../src/adapters/runc/oci.ts';
import { runtimeSpec, type SpecFacts } from '../../../../src/adapters/runc/runtime-spec.ts';
import type { BindOrTmpfs } from '../../../../src/domain/container-config.ts';
import { AbsolutePath, ContainerId } from '../../../../src/domain/identity.ts';
import { type ConfigOverrides, containerConfig } from '../../../support/task.ts';

const facts: SpecFacts = {
  rootfs: '/root/fs',
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  secrets: { TOKEN: 's3cret' },
  cgroupsPath: '/shiplog/default/web',
  hostname: 'box',
  files: [{ destination: '/etc/hosts', type: 'bind', source: '/b/hosts', options: ['rbind', 'ro'] }],
  devices: [],
  capabilities: allCapabilities,
  cgroup: { version: 1, swap: true },
  host: { architecture: 'x64', kernel: '6.18.0' },
};
const spec = (overrides: ConfigOverrides = {}, changed: Partial<SpecFacts> = {}): OciSpec =>
  runtimeSpec(containerConfig(['sh'], overrides), { ...facts, ...changed });
const bind = {
  type: 'bind',
  source: '/h',
  target: AbsolutePath.parse('/data'),
  options: ['ro'],
} satisfies BindOrTmpfs;
const syscalls = (made: OciSpec, name: string) =>
  made.linux.seccomp?.syscalls.filter((rule) => rule.names.includes(name)) ?? [];

describe('the OCI specification of a container', () => {
  it.each<[string, ConfigOverrides, (made: OciSpec) => unknown, unknown]>([
    ['version', {}, (made) => made.ociVersion, '1.0.2'],
    ['root', { readonlyRootfs: true }, (made) => made.root, { path: '/root/fs', readonly: true }],
    ['control group', {}, (made) => made.linux.cgroupsPath, '/shiplog/default/web'],
    ['host name', {}, (made) => made.hostname, 'box'],
    [
      'no host name where the uts namespace is shared',
      { namespaces: { ...containerConfig(['x']).namespaces, uts: 'host' } },
      (made) => made.hostname,
      undefined,
    ],
    [
      'environment',
      { process: { env: ['A=1', 'PATH=/x', 'A=2', 'rubbish'], secretEnv: ['TOKEN'], terminal: true } },
      (made) => made.process.env,
      ['PATH=/x', 'HOSTNAME=box', 'TERM=xterm', 'HOME=/root', 'A=2', 'TOKEN=s3cret'],
    ],
    [
      'default capabilities',
      {},
      (made) => made.process.capabilities.bounding.toSorted(),
      defaultCapabilities.toSorted(),
    ],
    [
      'dropped and added capabilities',
      { capabilities: { add: ['CAP_NET_ADMIN'], drop: ['ALL'] } },
      (made) => made.process.capabilities.effective,
      ['CAP_NET_ADMIN'],
    ],
    [
      'all but one capability',
      { capabilities: { add: ['ALL'], drop: ['CAP_SYS_ADMIN'] } },
      (made) => made.process.capabilities.bounding.length,
      allCapabilities.length - 1,
    ],
    [
      'memory with as much swap again',
      { resources: { memory: 1000 } },
      (made) => made.linux.resources.memory,
      { limit: 1000, swap: 2000 },
    ],
    [
      'cpu',
      { resources: { cpuQuota: 50_000, cpuShares: 512, cpusetCpus: '0-1' } },
      (made) => made.linux.resources.cpu,
      { shares: 512, quota: 50_000, period: 100_000, cpus: '0-1' },
    ],
    ['pids', { resources: { pids: 9 } }, (made) => made.linux.resources.pids, { limit: 9 }],
    ['no limits', {}, (made) => Object.keys(made.linux.resources), ['devices']],
    ['devices closed', {}, (made) => made.linux.resources.devices, [{ allow: false, access: 'rwm' }]],
    [
      'devices open when privileged',
      { privileged: true },
      (made) => made.linux.resources.devices,
      [{ allow: true, access: 'rwm' }],
    ],
    [
      'no filter when privileged',
      { privileged: true },
      (made) => [made.linux.seccomp, made.linux.maskedPaths],
      [undefined, []],
    ],
    ['no filter when unconfined', { seccomp: 'unconfined' }, (made) => made.linux.seccomp, undefined],
    ['paths masked', {}, (made) => made.linux.maskedPaths.includes('/proc/kcore'), true],
    [
      'no paths masked',
      { maskPaths: false },
      (made) => [...made.linux.maskedPaths, ...made.linux.readonlyPaths],
      [],
    ],
    ['the label', { apparmor: 'docker-default' }, (made) => made.process.apparmorProfile, 'docker-default'],
    [
      'sysctls',
      { sysctls: { 'net.core.somaxconn': '7' } },
      (made) => made.linux.sysctl,
      { 'net.core.somaxconn': '7' },
    ],
    [
      'a bind mount',
      { mounts: [bind] },
      (made) => made.mounts.at(-1),
      { destination: '/data', type: 'bind', source: '/h', options: ['rbind', 'rprivate', 'ro'] },
    ],
    [
      'the caller over what is given',
      { mounts: [{ ...bind, target: AbsolutePath.parse('/etc/hosts') }] },
      (made) =>
        made.mounts.filter((mount) => mount.destination === '/etc/hosts').map((mount) => mount.source),
      ['/h'],
    ],
    [
      'mappings of a user namespace',
      { namespaces: { ...containerConfig(['x']).namespaces, user: { hostUid: 5, hostGid: 6, size: 7 } } },
      (made) => [made.linux.uidMappings, made.linux.gidMappings, made.linux.namespaces[0]],
      [[{ containerID: 0, hostID: 5, size: 7 }], [{ containerID: 0, hostID: 6, size: 7 }], { type: 'user' }],
    ],
    [
      'namespaces',
      {},
      (made) => made.linux.namespaces.map(({ type }) => type).toSorted(),
      ['cgroup', 'ipc', 'mount', 'network', 'pid', 'uts'],
    ],
  ])('has %s', (_name, overrides, pick, expected) => {
    expect(pick(spec(overrides))).toEqual(expected);
  });
  it('leaves another user than root the bound alone', () => {
    const made = spec({}, { user: { uid: 1, gid: 1, additionalGids: [1], home: '/' } });
    expect(made.process.capabilities).toEqual({ bounding: expect.anything(), effective: [], permitted: [] });
  });
  it('sets no swap where the kernel counts none', () => {
    expect(
      spec({ resources: { memory: 5 } }, { cgroup: { version: 1, swap: false } }).linux.resources.memory,
    ).toEqual({
      limit: 5,
    });
  });
  it('allows system calls by capability, and denies clone3 as if it did not exist', () => {
    expect(syscalls(spec(), 'mount')).toEqual([]);
    expect(syscalls(spec({ capabilities: { add: ['SYS_ADMIN'], drop: [] } }), 'mount')).toHaveLength(1);
    expect(syscalls(spec(), 'clone3')).toEqual([
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    ]);
    expect(syscalls(spec(), 'clone')[0]?.args?.[0]).toMatchObject({ index: 0, value: 0x7e020000 });
    expect(spec().linux.seccomp?.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  });
  it("takes a profile of one's own, and holds its conditions against the host", () => {
    const rule = (name: string, includes: object) => ({ name, action: 'SCMP_ACT_ALLOW', includes });
    const seccomp = JSON.stringify({
      defaultAction: 'SCMP_ACT_KILL',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [
        rule('a', { minKernel: '4.8' }),
        rule('b', { minKernel: '7.0' }),
        rule('c', { arches: ['arm64'] }),
      ],
    });
    expect(spec({ seccomp }).linux.seccomp).toEqual({
      defaultAction: 'SCMP_ACT_KILL',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [{ names: ['a'], action: 'SCMP_ACT_ALLOW' }],
    });
    expect(() => spec({ seccomp: '{"x":1}' })).toThrow(/not in Docker's format/);
  });
  it.each<[string, ConfigOverrides, RegExp]>([
    [
      'an unknown capability',
      { capabilities: { add: ['CAP_FLY'], drop: [] } },
      /'CAP_FLY' is not a capability/,
    ],
    ['a secret without a value', { process: { secretEnv: ['LOST'] } }, /secret environment variable 'LOST'/],
    [
      'a namespace nobody looked up',
      { namespaces: { ...containerConfig(['x']).namespaces, ipc: { container: ContainerId.parse('c') } } },
      /was not looked up/,
    ],
  ])('refuses %s', (_name, overrides, message) => {
    expect(() => spec(overrides)).toThrow(message);
  });
  it('writes "no limit" as 2^64 - 1, and everything else as JSON does', () => {
    const made = spec({ rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: -1 }], process: { env: ['Q="\\'] } });
    const text = specText(made);
    expect(text).toContain('"rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}]');
    const { process, ...rest } = JSON.parse(text);
    const { process: own, ...others } = made;
    expect(rest).toEqual(JSON.parse(JSON.stringify(others)));
    expect({ ...process, rlimits: [] }).toEqual({ ...JSON.parse(JSON.stringify(own)), rlimits: [] });
  });
  it('knows which capabilities a mask stands for', () => {
    expect(capabilitiesOfMask('00000000a80425fb').toSorted()).toEqual(defaultCapabilities.toSorted());
  });
});
