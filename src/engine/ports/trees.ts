import type { Mount } from '../../domain/mount.ts';

/** A tree that is mounted nowhere: seen through its descriptor only, and gone with it, also when the daemon is killed. */
export interface OpenTree {
  /** Of its root, an open directory. */
  readonly descriptor: number;
  /** Where the tree is kept by overlayfs, and how: guides a comparison, which looks at the tree itself all the same. */
  readonly layers: TreeLayers;
  close(): Promise<void>;
}

/** Directories on the host, nearest first, of which the tree is put together. */
export interface TreeLayers {
  readonly directories: readonly string[];
}

/** Makes mounts that somebody gave visible to us alone. */
export interface TreeOpener {
  /**
   * Mounts in order, one over the other; the last is the tree.
   * @param how.readonly writes nothing: an overlay is mounted without its upper directory as such, so that it may be
   *   mounted elsewhere and written to meanwhile
   * @throws Rejection `invalid-argument` where there are none, `internal` with the words of mount(2)
   */
  open(mounts: readonly Mount[], how: { readonly readonly: boolean }): Promise<OpenTree>;
}
