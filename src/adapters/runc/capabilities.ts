import { Rejection } from '../../domain/rejection.ts';
import type { OciCapabilities } from './oci.ts';

/** capabilities(7), in the order of their numbers, without `CAP_`. */
const known = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`;

const named = (text: string): readonly string[] =>
  text
    .trim()
    .split(/\s+/)
    .map((name) => `CAP_${name}`);

export const allCapabilities = named(known);

/** What docker leaves a container with. */
export const defaultCapabilities = named(`
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
  AUDIT_WRITE`);

const normalised = (name: string): string => {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return upper;
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!allCapabilities.includes(full)) {
    throw new Rejection(
      'invalid-argument',
      `'${name}' is not a capability; see capabilities(7) for their names`,
    );
  }
  return full;
};

/** The names behind a mask of capabilities as /proc/<pid>/status shows it, in hexadecimal. */
export const capabilitiesOfMask = (hex: string): readonly string[] => {
  const mask = BigInt(`0x${hex}`);
  return allCapabilities.filter((_name, number) => (mask >> BigInt(number)) & 1n);
};

/**
 * Docker's rule: what is dropped goes first, then what is added comes, and `ALL` stands for every one on either side.
 * @param available what the daemon itself has to give; `ALL` means these
 * @throws Rejection `invalid-argument` for an unknown name
 */
export const capabilitySet = (
  add: readonly string[],
  drop: readonly string[],
  available: readonly string[],
): readonly string[] => {
  const added = new Set(add.map(normalised));
  const dropped = new Set(drop.map(normalised));
  if (added.has('ALL')) return available.filter((name) => !dropped.has(name));
  const base = dropped.has('ALL') ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  return allCapabilities.filter((name) => base.includes(name) || added.has(name));
};

/** For a user other than root only the bound stays, as execve(2) would leave it. */
export const capabilitiesFor = (set: readonly string[], uid: number): OciCapabilities =>
  uid === 0
    ? { bounding: set, effective: set, permitted: set }
    : { bounding: set, effective: [], permitted: [] };
