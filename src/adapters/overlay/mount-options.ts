import { MountFlag } from '../syscalls/mount.ts';

/** Words of mount(8) that set or clear a flag; everything else goes to the file system as data. */
const flagWords: ReadonlyMap<string, { readonly set: boolean; readonly flag: number }> = new Map([
  ['defaults', { set: true, flag: 0 }],
  ['ro', { set: true, flag: MountFlag.readonly }],
  ['rw', { set: false, flag: MountFlag.readonly }],
  ['nosuid', { set: true, flag: MountFlag.nosuid }],
  ['suid', { set: false, flag: MountFlag.nosuid }],
  ['nodev', { set: true, flag: MountFlag.nodev }],
  ['dev', { set: false, flag: MountFlag.nodev }],
  ['noexec', { set: true, flag: MountFlag.noexec }],
  ['exec', { set: false, flag: MountFlag.noexec }],
  ['sync', { set: true, flag: MountFlag.synchronous }],
  ['async', { set: false, flag: MountFlag.synchronous }],
  ['dirsync', { set: true, flag: MountFlag.dirsync }],
  ['remount', { set: true, flag: MountFlag.remount }],
  ['mand', { set: true, flag: MountFlag.mandlock }],
  ['nomand', { set: false, flag: MountFlag.mandlock }],
  ['noatime', { set: true, flag: MountFlag.noatime }],
  ['atime', { set: false, flag: MountFlag.noatime }],
  ['nodiratime', { set: true, flag: MountFlag.nodiratime }],
  ['diratime', { set: false, flag: MountFlag.nodiratime }],
  ['relatime', { set: true, flag: MountFlag.relatime }],
  ['norelatime', { set: false, flag: MountFlag.relatime }],
  ['strictatime', { set: true, flag: MountFlag.strictatime }],
  ['nostrictatime', { set: false, flag: MountFlag.strictatime }],
  ['lazytime', { set: true, flag: MountFlag.lazytime }],
  ['nosymfollow', { set: true, flag: MountFlag.nosymfollow }],
  ['bind', { set: true, flag: MountFlag.bind }],
  ['rbind', { set: true, flag: MountFlag.bind | MountFlag.rec }],
]);

/** Words that change how mounts spread; the kernel wants each as a call of its own. */
const propagationWords: ReadonlyMap<string, number> = new Map([
  ['private', MountFlag.private],
  ['rprivate', MountFlag.private | MountFlag.rec],
  ['shared', MountFlag.shared],
  ['rshared', MountFlag.shared | MountFlag.rec],
  ['slave', MountFlag.slave],
  ['rslave', MountFlag.slave | MountFlag.rec],
  ['unbindable', MountFlag.unbindable],
  ['runbindable', MountFlag.unbindable | MountFlag.rec],
]);

export interface ParsedOptions {
  readonly flags: number;
  readonly propagation: readonly number[];
  /** What the file system itself is to read. */
  readonly data: readonly string[];
}

/** Sorts mount options by who reads them; later words win. */
export const parseMountOptions = (options: readonly string[]): ParsedOptions => {
  let flags = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  for (const option of options) {
    const word = flagWords.get(option);
    const spread = propagationWords.get(option);
    if (word !== undefined) flags = word.set ? flags | word.flag : flags & ~word.flag;
    else if (spread !== undefined) propagation.push(spread);
    else data.push(option);
  }
  return { flags, propagation, data };
};
