import type { Mount } from '../../domain/mount.ts';

/** Makes mounts true and takes them away again. */
export interface Mounter {
  /** Mounts in order at `target`, a directory that is made where it is missing. All or nothing. @throws Rejection `internal` with errno and options */
  mount(mounts: readonly Mount[], target: string): Promise<void>;
  /** Takes every mount at `target` away, lazily where it is busy, and the directory if it is empty then; nothing happens where there is none. */
  unmount(target: string): Promise<void>;
  /** Mount points of this mount namespace below `prefix`. */
  under(prefix: string): Promise<readonly string[]>;
}
