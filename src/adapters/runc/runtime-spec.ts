import type { ContainerConfig } from '../../domain/container-config.ts';
import type { Secrets } from '../../engine/ports/runtime.ts';
import { capabilitiesFor, capabilitySet } from './capabilities.ts';
import { deviceRules, type ResolvedDevice } from './devices.ts';
import { containerMounts } from './mounts.ts';
import { idMappings, ociNamespaces } from './namespaces.ts';
import type { OciLinux, OciMount, OciSpec } from './oci.ts';
import { environment, ociProcess } from './process.ts';
import type { ResolvedUser } from './resolve-user.ts';
import { type CgroupFacts, ociResources } from './resources.ts';
import { ociSeccomp, type SeccompHost, seccompProfileOf } from './seccomp.ts';

/** Everything about the host and the image that a specification depends on, found out beforehand. */
export interface SpecFacts {
  readonly rootfs: string;
  readonly user: ResolvedUser;
  readonly secrets: Secrets;
  /** As `/shiplog/default/web`, below every hierarchy. */
  readonly cgroupsPath: string;
  /** What the container calls itself; the host's name where it shares the uts namespace. */
  readonly hostname: string;
  /** /etc/hosts and its like. */
  readonly files: readonly OciMount[];
  readonly devices: readonly ResolvedDevice[];
  /** What the daemon has to give. */
  readonly capabilities: readonly string[];
  readonly cgroup: CgroupFacts;
  readonly host: SeccompHost;
}

/** Paths of /proc and /sys that tell of the host or change it, as docker hides them. */
const maskedPaths = [
  ...['/proc/asound', '/proc/acpi', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats'],
  ...['/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi'],
  ...['/sys/firmware', '/sys/devices/virtual/powercap'],
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const linuxPart = (config: ContainerConfig, facts: SpecFacts, capabilities: readonly string[]): OciLinux => {
  const profile = config.privileged ? undefined : seccompProfileOf(config.seccomp);
  const hides = config.maskPaths && !config.privileged;
  return {
    namespaces: ociNamespaces(config),
    ...idMappings(config),
    devices: facts.devices.map(({ device }) => device),
    cgroupsPath: facts.cgroupsPath,
    resources: {
      ...ociResources(config.resources, facts.cgroup),
      devices: deviceRules(facts.devices, config.privileged),
    },
    ...(profile ? { seccomp: ociSeccomp(profile, facts.host, capabilities) } : {}),
    sysctl: config.sysctls,
    maskedPaths: hides ? maskedPaths : [],
    readonlyPaths: hides ? readonlyPaths : [],
  };
};

/**
 * The OCI runtime specification (1.0.2) of a container. Pure: the same config and facts give the same document.
 * @throws Rejection `invalid-argument` (capability, seccomp profile), `failed-precondition` (a secret's value is missing)
 */
export const runtimeSpec = (config: ContainerConfig, facts: SpecFacts): OciSpec => {
  const capabilities = config.privileged
    ? facts.capabilities
    : capabilitySet(config.capabilities.add, config.capabilities.drop, facts.capabilities);
  const { hostname, user } = facts;
  const env = environment(config.process, facts.secrets, { hostname, home: user.home });
  const ownUts = config.namespaces.uts === 'new';
  return {
    ociVersion: '1.0.2',
    process: ociProcess(config.process, user, env, {
      capabilities: capabilitiesFor(capabilities, user.uid),
      rlimits: config.rlimits,
      noNewPrivileges: config.noNewPrivileges,
      ...(config.apparmor === '' || config.privileged ? {} : { apparmorProfile: config.apparmor }),
      oomScoreAdj: config.oomScoreAdj,
    }),
    root: { path: facts.rootfs, readonly: config.readonlyRootfs },
    ...(ownUts && hostname !== '' ? { hostname } : {}),
    mounts: containerMounts(config, facts.files),
    linux: linuxPart(config, facts, capabilities),
  };
};
