import type { Mount } from '../../domain/mount.ts';

/** Makes mounts true and takes them away again. */
export interface Mounter {
  /**
   * Mounts in order at `target`, a directory that is made where it is missing. All or nothing. Waits, as `unmount` does,
   * for what is under way at the same target. The options `uidmap=0:HOST:SIZE` and `gidmap=0:HOST:SIZE` show the source
   * of a bind mount, or the lower directories of an overlay, under the ids of a user namespace.
   * @throws Rejection `internal` with errno and options; `failed-precondition` where kernel or file system can't map ids
   */
  mount(mounts: readonly Mount[], target: string): Promise<void>;
  /** Takes every mount at `target` away, lazily where it is busy, and the directory if it is empty then; nothing happens where there is none. */
  unmount(target: string): Promise<void>;
  /** Mount points of this mount namespace below `prefix`. */
  under(prefix: string): Promise<readonly string[]>;
}
