import type { ActivationId } from '../../domain/identity.ts';

/** Folders in which mounts are made for clients, one for each activation. Gone after a reboot. */
export interface MountFolders {
  /** Absolute path of the folder of them all. */
  readonly root: string;
  /** Where mount `number`, from 1, of an activation is made. */
  pointOf(id: ActivationId, number: number): string;
  /**
   * Makes a directory that a client wants to be there before a mount is made. One that is there stays as it is.
   * @throws Rejection `invalid-argument` outside the folders that are Shiplog's; `failed-precondition` where something else
   *   is in its place or it has another mode; `not-found` where the directory above it is not there
   */
  make(directory: MadeDirectory): Promise<void>;
  /** Every folder there is. */
  list(): Promise<readonly string[]>;
  /** Removes the folder of an activation, whose mounts are gone. @throws Rejection `internal` where something is left in it */
  remove(id: string): Promise<void>;
}

export interface MadeDirectory {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** The daemon's own where absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}
