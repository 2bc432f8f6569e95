import { Rejection } from '../../domain/rejection.ts';
import type { OciSeccomp, OciSyscall } from './oci.ts';
import { defaultSeccompProfile } from './seccomp-default.ts';
import { type SeccompCondition, SeccompProfile, type SeccompRule } from './seccomp-profile.ts';

/** What the conditions of a profile are held against. */
export interface SeccompHost {
  /** Node's name: `x64`, `arm64` … */
  readonly architecture: string;
  /** As `6.18.2-amd64`. */
  readonly kernel: string;
}

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', ppc64: 'ppc64le' };
const nativeArchitectures: Readonly<Record<string, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  arm: 'SCMP_ARCH_ARM',
  s390x: 'SCMP_ARCH_S390X',
  ppc64: 'SCMP_ARCH_PPC64LE',
  riscv64: 'SCMP_ARCH_RISCV64',
};

const atLeast = (kernel: string, wanted: string): boolean => {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
};

const applies = (rule: SeccompRule, host: SeccompHost, capabilities: readonly string[]): boolean => {
  const architecture = goArchitectures[host.architecture] ?? host.architecture;
  const includes: SeccompCondition = rule.includes ?? {};
  const excludes: SeccompCondition = rule.excludes ?? {};
  if (excludes.arches?.includes(architecture)) return false;
  if (excludes.caps?.some((capability) => capabilities.includes(capability))) return false;
  if (excludes.minKernel && atLeast(host.kernel, excludes.minKernel)) return false;
  if (includes.arches?.length && !includes.arches.includes(architecture)) return false;
  if (includes.caps && !includes.caps.every((capability) => capabilities.includes(capability))) return false;
  return !(includes.minKernel && !atLeast(host.kernel, includes.minKernel));
};

const syscallOf = (rule: SeccompRule): OciSyscall => ({
  names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
  action: rule.action,
  ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
  ...(rule.args?.length
    ? {
        args: rule.args.map(({ valueTwo, ...rest }) => ({
          ...rest,
          ...(valueTwo === undefined ? {} : { valueTwo }),
        })),
      }
    : {}),
});

/** Resolves a profile for one container. Pure. */
export const ociSeccomp = (
  profile: SeccompProfile,
  host: SeccompHost,
  capabilities: readonly string[],
): OciSeccomp => {
  const native = nativeArchitectures[host.architecture];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : profile.architectures,
    ...(profile.flags ? { flags: profile.flags } : {}),
    syscalls: profile.syscalls
      .filter((rule) => applies(rule, host, capabilities))
      .map(syscallOf)
      .filter((rule) => rule.names.length > 0),
  };
};

/**
 * @param choice `default`, `unconfined`, or the JSON text of a profile
 * @returns undefined for no filter
 * @throws Rejection `invalid-argument` for text that is no profile
 */
export const seccompProfileOf = (choice: string): SeccompProfile | undefined => {
  if (choice === 'unconfined') return undefined;
  if (choice === 'default' || choice === '') return defaultSeccompProfile;
  try {
    return SeccompProfile.parse(JSON.parse(choice));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Rejection('invalid-argument', `the seccomp profile is not in Docker's format: ${why}`, {
      cause,
    });
  }
};
