import type { ClientMount } from '../../../domain/client-order.ts';
import type { ActivationName, Labels, LeaseId, Namespace, Timestamp } from '../../../domain/identity.ts';
import type { StoreCall } from './call.ts';

/** A mount that is made. */
export interface ActiveMount {
  readonly mount: ClientMount;
  /** Absolute path. */
  readonly point: string;
  readonly at: Timestamp;
}

/** Mounts by a name: those that are made, and those that are left for the client to make. */
export interface MountsInfo {
  readonly name: ActivationName;
  readonly active: readonly ActiveMount[];
  readonly system: readonly ClientMount[];
  readonly labels: Labels;
}

export interface NewMounts {
  readonly name: ActivationName;
  /**
   * In order. A type may begin with `format/` (templates in source, target and options are filled in from the mounts before
   * it) and `mkdir/` (options `X-containerd.mkdir.path=DIR[:MODE[:UID:GID]]` make directories first).
   */
  readonly mounts: readonly ClientMount[];
  readonly labels: Labels;
  /** All of them are made, and a bind mount of the last is left for the client. */
  readonly temporary: boolean;
  readonly lease?: LeaseId;
}

/**
 * Mounts that Shiplog makes and holds for clients: what comes before the last mount with a prefix is mounted here, so that
 * the templates of that one can say where; it and what comes after it is left for the client. They are taken away when they
 * are deactivated, when their lease ends, and after a crash.
 */
export interface MountStore {
  /**
   * @throws Rejection `unimplemented` where no mount has a prefix and nothing is temporary, which tells clients to mount for
   *   themselves, and for a prefix that is not known here; `already-exists`; `not-found` for the lease; `invalid-argument` for
   *   a template or an option that makes no sense; `internal` with the kernel's word for a mount that fails
   */
  activate(namespace: Namespace, mounts: NewMounts, call: StoreCall): Promise<MountsInfo>;
  /** @throws Rejection `not-found` */
  deactivate(namespace: Namespace, name: ActivationName, call: StoreCall): Promise<void>;
  /** @throws Rejection `not-found` */
  info(namespace: Namespace, name: ActivationName): MountsInfo;
  /**
   * @param replace these labels are all; else they are merged in, an empty value taking a label away
   * @throws Rejection `not-found`
   */
  update(
    namespace: Namespace,
    name: ActivationName,
    change: { readonly labels: Labels; readonly replace: boolean },
    call: StoreCall,
  ): Promise<MountsInfo>;
  /** By name. @throws Rejection `invalid-argument` for a filter that can't be read */
  list(namespace: Namespace, filters: readonly string[]): readonly MountsInfo[];
}
